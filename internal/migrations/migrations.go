// Package migrations reads a directory of SQL migrations the way the tool that made them does, runs them on a server of our own,
// and remembers which statement of which file made each object: what the migrations promise can then be compared with a live
// database, and a change be told by its file and line before it is run anywhere.
//
// To know another tool's directory, add its case to conventions in find.go.
package migrations

import "fmt"

// A Place is where a statement begins.
type Place struct {
	File string `json:"file"` // below the directory, with slashes
	Line int    `json:"line"` // of the statement's first word, from 1
}

// String gives file:line, as editors take it.
func (p Place) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// A File is one migration, in the order in which its tool runs it.
type File struct {
	Name       string // below the directory, with slashes
	Statements []Statement
}

// A Statement is one SQL statement of a file, without its semicolon.
type Statement struct {
	Place
	SQL string
}

// A Failure is a statement that did not run, or a part of a file that cannot be run here.
type Failure struct {
	Place
	Why string // with the SQLSTATE, without values of rows
}
