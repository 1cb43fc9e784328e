// Package e2e holds the tests of the whole program: they build the locket binary
// and use it as its users do, with the stock sqlcipher tool and strace as
// witnesses. What they look for is what the promises of the design exclude: text
// in the clear on the disk or in memory, lost writes, answers from altered files.
//
// Each test has a control that shows that it can see. -short runs fewer rounds;
// LOCKET_CI=1 runs more of them, and makes a missing tool a failure. What must survive
// a power loss, SIGKILL and a disk that fails is in the table of scenarios;
// LOCKET_CAMPAIGN=1 tries these at every call, which takes an hour.
package e2e
