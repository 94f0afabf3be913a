import { describeFoolbox } from "./foolbox.ts";

describeFoolbox("full");
