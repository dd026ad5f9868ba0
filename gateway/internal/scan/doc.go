// Package scan reads a JSON message once, strictly, without copying and without allocating, and tells where the watched names
// stand in it. What it accepts every reader understands alike: no key twice in an object, no name that folds to a watched
// one, only UTF-8, nothing behind the message. So what a guard reads in it and what a back end reads in it are the same.
//
// To watch for something new: a Code in code.go, its check in scanner.go, string.go or names.go, and its cases in
// testdata/smuggling.txt, which Go's, Node's and Python's readers are compared on.
package scan
