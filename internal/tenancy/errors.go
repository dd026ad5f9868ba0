package tenancy

import (
	"fmt"
	"sort"
	"strings"
)

// An UnknownNameError is a role, column, schema or table that was named and does not exist.
type UnknownNameError struct {
	Kind string   // role, tenant column, schema, table
	Name string   // as given
	Near []string // the nearest names there are, best first; empty where none is near
}

// Error says what was not found, and what may have been meant.
func (e *UnknownNameError) Error() string {
	if len(e.Near) == 0 {
		return fmt.Sprintf("no %s is named %q", e.Kind, e.Name)
	}
	quoted := make([]string, len(e.Near))
	for i, n := range e.Near {
		quoted[i] = fmt.Sprintf("%q", n)
	}
	return fmt.Sprintf("no %s is named %q; near: %s", e.Kind, e.Name, strings.Join(quoted, ", "))
}

// nearLimit is how many near names an error gives.
const nearLimit = 3

// unknownName returns the error for name, with the nearest of known.
func unknownName(kind, name string, known []string) *UnknownNameError {
	type near struct {
		name string
		d    int
	}
	var all []near
	seen := make(map[string]bool)
	for _, k := range known {
		if seen[k] {
			continue
		}
		seen[k] = true
		d := distance(strings.ToLower(name), strings.ToLower(k))
		if shared := strings.Contains(strings.ToLower(k), strings.ToLower(name)); d <= 2+len(name)/4 || shared && len(name) > 2 {
			all = append(all, near{k, d})
		}
	}
	sort.Slice(all, func(i, j int) bool {
		if all[i].d != all[j].d {
			return all[i].d < all[j].d
		}
		return all[i].name < all[j].name
	})
	e := &UnknownNameError{Kind: kind, Name: name}
	for _, n := range all[:min(len(all), nearLimit)] {
		e.Near = append(e.Near, n.name)
	}
	return e
}

// distance is the Levenshtein distance of two names, by rune.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		diagonal := row[0]
		row[0] = i + 1
		for j := range y {
			cost := diagonal
			if x[i] != y[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(y)]
}
