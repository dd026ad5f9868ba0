package attack

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestRefused tells what is the database's no to a stranger from what says nothing of it.
func TestRefused(t *testing.T) {
	server := func(code string) error { return fmt.Errorf("trying: %w", &pgconn.PgError{Code: code}) }
	for _, c := range []struct {
		err  error
		want bool
	}{
		{server("42501"), true},
		{server("22P02"), true},
		{server("P0001"), true},
		{server("44000"), true},
		{server("42704"), true},
		{server("23505"), false},
		{server("55P03"), false},
		{server("57014"), false},
		{server("42P01"), false},
		{preparing(server("42501")), false},
		{errors.New("connection lost"), false},
		{nil, false},
	} {
		if got := refused(c.err); got != c.want {
			t.Errorf("refused(%v) = %v", c.err, got)
		}
	}
}
