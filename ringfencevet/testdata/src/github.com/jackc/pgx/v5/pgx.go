// Package pgx stands for the real one.
package pgx

type Conn struct{}

func (*Conn) Exec(string) error { return nil }

type Tx interface{ Exec(string) error }
