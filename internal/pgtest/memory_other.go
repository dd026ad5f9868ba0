//go:build !linux

package pgtest

// fastDir is the system's temporary directory.
func fastDir() string { return "" }
