package decide

import (
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// A class says what a variable stands for.
type class uint8

const (
	classColumn   class = iota // a column of a row
	classSetting               // a setting of the session, as text; NULL is unset
	classSession               // current_user and its kin
	classArgument              // an argument that the caller chooses
	classFound                 // whether a sub-query finds a row
	classPresent               // whether a row is there: an outer join's, a child's parent
	classFree                  // what is not understood
)

// A variable is one thing whose value a search chooses.
type variable struct {
	class   class
	name    string // column, setting, session value, or what a free one stands for
	row     int    // classColumn: its row
	num     int16  // classColumn: attribute number, negative: derived
	t       sqlType
	notNull bool
	group   int     // its family: variables that may be compared with each other
	fixed   []value // the only values it has; nil: the group's
	rowFree bool    // classFree: it does not depend on any row: the same for all rows of a statement
	state   bool    // classFree: what the session says of itself
}

// A row is one row that an evaluation looks at: the row that is judged, a row that a sub-query found, a parent.
type row struct {
	rel     *catalog.Relation // nil: a derived one
	found   int               // the sub-query's classFound variable; -1: it is there anyway
	present int               // classPresent; -1
	source  string            // own, sub, parent
	sub     int               // index of its sub-query, -1
}

// A subquery is one sub-query whose found row is chosen.
type subquery struct {
	found int     // variable
	where *node   // what the found row fulfils
	also  []*node // … beside what the query says itself
	// cond and test are the parts of where in an ANY or ALL: a row that fulfils cond and makes test NULL makes the whole NULL.
	cond, test *node
	rows       []int
	// bound lists its rows that a comparison ties to the context: a membership of the principal, a session's row.
	bound map[int]bool
	ties  []int // the settings that tie them: where all are unset there is no principal
	sets  []derivedSet
	// exact is false where the row found stands for less than the sub-query asks (GROUP BY, LIMIT, …): good for proofs, not
	// for refutations. known is false where it reads what is neither a table nor one of sets: then it may find rows when its tables are
	// empty.
	exact, known bool
	limited      bool   // it takes some of the rows that it might find: exact where there is one
	valued       bool   // what it comes to is made of all its rows: of a refutation's one row, if there is no other
	as           string // whose rights it uses
}

// A program is a predicate over a row, compiled, with all its variables.
type program struct {
	root   *node
	vars   []variable
	rows   []row
	subs   []subquery
	groups []*group
	byKey  map[string]int // variable by what it stands for
	early  []*node        // what the planner evaluates
	stands []*node        // functions and conversions that a proof does not run
	orders []*node        // comparisons by an order that is the server's to tell
	checks []*node        // table constraints of the judged row: not FALSE
	unique []uniqueKey
	premises
}

// premises are what a proof rests on beyond the predicate.
type premises struct {
	trusted   map[*catalog.Relation]string // relations that a sub-query believes → as whom they are read
	sessions  map[*catalog.Relation]string // relations that hold the session's own row → by what it is told from others
	functions map[*catalog.Function]bool   // functions that were inlined or believed
	whole     map[*catalog.Relation]bool   // relations that a function is believed about: any of their columns may matter
	notes     []string
}

func newProgram() *program {
	return &program{byKey: map[string]int{}, premises: premises{sessions: map[*catalog.Relation]string{}, trusted: map[*catalog.Relation]string{}, functions: map[*catalog.Function]bool{}, whole: map[*catalog.Relation]bool{}}}
}

// variable returns the variable of that key, made by mk when it is new.
func (p *program) variable(key string, mk func() variable) int {
	if i, ok := p.byKey[key]; ok {
		return i
	}
	v := mk()
	v.group = -1
	p.vars = append(p.vars, v)
	p.byKey[key] = len(p.vars) - 1
	return len(p.vars) - 1
}

// stoodFor lists the functions and conversions that have a stand-in.
func (p *program) stoodFor() []*node {
	var out []*node
	visit := func(n *node) {
		if n.stand >= 0 && (n.op == opCall || n.op == opConvert) && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	walkNodes(p.root, visit)
	for i := range p.subs {
		walkNodes(p.subs[i].where, visit)
	}
	return out
}

// A uniqueKey is a set of columns of which a relation has no two rows alike.
type uniqueKey struct {
	rel  *catalog.Relation
	nums []int16
}

// settingName brings a setting's name into the form PostgreSQL compares it in.
func settingName(s string) string { return strings.ToLower(s) }
