/** How a command ended. 0: completed; 1: a gate was not met; 2: wrong use or bad input; 3: a check or the run failed. */
export type ExitCode = 0 | 1 | 2 | 3;
