// Package gin stands for the real one.
package gin

type Context struct{}
