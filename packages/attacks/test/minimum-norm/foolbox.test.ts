import { describeFoolbox } from "./foolbox.ts";

describeFoolbox("few");
