// Package pgxpool stands for the real one.
package pgxpool

import "github.com/jackc/pgx/v5"

type Pool struct{}

func New(string) *Pool               { return &Pool{} }
func (*Pool) Exec(string) error      { return nil }
func (*Pool) Begin() (pgx.Tx, error) { return nil, nil }
