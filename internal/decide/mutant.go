package decide

// A mutant is a fault that a test plants in the prover, to see that the tests notice it. The zero value is the prover as it is.
type mutant struct {
	program      func(*compiler, *claim) // changes what was compiled
	skipPremises bool                    // takes what sub-queries read at its word
	skipMade     bool                    // does not look at the rows that are made
	skipOld      bool                    // does not look at the rows that are there
}
