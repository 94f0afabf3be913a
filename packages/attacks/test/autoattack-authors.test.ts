import { describeAuthors } from "./autoattack-authors.ts";

describeAuthors("few");
