// Package store is what handlers call.
package store

import "github.com/jackc/pgx/v5/pgxpool"

type Store struct{ pool *pgxpool.Pool }

func (s *Store) Save(sql string) error { return s.pool.Exec(sql) } // want Save:"uses \\*pgxpool.Pool"

func (s *Store) SaveAll(all []string) error { // want SaveAll:"uses \\*pgxpool.Pool"
	for _, sql := range all {
		if err := s.Save(sql); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) Name() string { return "store" }

func (s *Store) Alive() error {
	return s.pool.Exec("select 1") //ringfence:raw asks for no row
}
