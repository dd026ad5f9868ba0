//go:build !unix

package pgparse

import "os"

// private reports whether a directory is this user's alone: not known here, where modes do not tell.
func private(os.FileInfo) bool { return false }
