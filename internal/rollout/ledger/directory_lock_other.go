//go:build !unix

package ledger

// lockDirectory does nothing here: two processes that write one directory in the same instant may both take a number, which is then
// shown as a broken chain.
func lockDirectory(string) (unlock func() error, err error) { return func() error { return nil }, nil }
