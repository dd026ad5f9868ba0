package decide

// A function is one of PostgreSQL's own that the evaluator runs, to confirm a witness. To add one: its case in
// function_NAME.go, from PostgreSQL's documentation, and let the oracle's grammar produce it.
type function struct {
	name     string
	args     int // -1: any number
	strict   bool
	pattern  bool // matches more than one value: LIKE, prefix, …
	lossy    bool // maps different values to one
	refuses  bool // before 18 it raises under a collation that is not deterministic ("nondeterministic collations are not supported for …")
	finds    bool // … or, before 18, where the text that it looks for is neither empty nor longer
	tree     bool // looks at labels parted by dots
	like     bool // LIKE: its pattern's letters stand for themselves
	regex    bool // ~: its pattern's letters do, where it has nothing else in it but ^ and $
	caseless bool // … whatever their case
	hash     bool // a hash short enough to collide
	// collide are texts of which a hash begins alike, of a short one all of it.
	collide *collisions
	cuts    bool // its last argument says how many characters are kept
	holds   bool // asks whether one argument holds the other, or a part of it
	bytes   bool // … to the letter, under any collation
	clock   bool // has another value each time
	step    bool // values that lie its last argument apart are alike
	rounds  bool // takes the fraction away
	ordered bool // looks at the order of values
	// exact: the groups' spellings cover what it tells apart, so that a proof may run it.
	exact   bool
	extract bool // takes a part of a structured value
	path    []string
	members []string // … of each element
	run     func([]value) (value, outcome)
}

// unknownFunction stands for a conversion that is not modelled.
var unknownFunction = function{name: "?", args: -1, run: func([]value) (value, outcome) { return null, opaque }}

// functionNamed returns the function of that name and number of arguments, or nil.
func functionNamed(name string, args int) *function {
	f, ok := functions[name]
	if !ok || f.args >= 0 && f.args != args {
		return nil
	}
	return &f
}
