package decide

// A mutant is a fault that a test plants in the prover to see that the tests notice. The zero value is the prover as it is.
type mutant string
