package decide

// An opcode is what a node does.
type opcode uint8

const (
	opConst    opcode = iota
	opVar             // the value of a variable
	opAnd             // SQL's AND
	opOr              // SQL's OR
	opNot             // SQL's NOT
	opIsNull          // IS NULL, of a value or of every field of a row
	opTruth           // IS TRUE, IS FALSE, IS UNKNOWN by want
	opCompare         // a comparison by cmp
	opDistinct        // IS DISTINCT FROM
	opNullif          // NULLIF
	opCoalesce        // COALESCE
	opCase            // cond, result, …, else
	opConvert         // a change of type
	opCall            // a function this evaluator can run
	opQuant           // ANY or ALL over an array
	opArray           // ARRAY[…]
	opRow             // ROW(…)
	opSetting         // current_setting: raises when unset and not missingOK
	opExists          // a row that fits can be found
	opScalar          // the row's target, or NULL when there is none
	opPresent         // the column of a row that may be absent (outer join)
	opRaise           // raises whatever the row
	opTry             // what the last argument is, or the second where that raises; in a proof either, as the first chooses
)

// A comparison is one of the six.
type comparison uint8

const (
	cmpLT comparison = 1 + iota // numbered as btree strategies
	cmpLE
	cmpEQ
	cmpGE
	cmpGT
	cmpNE
)

// A node is an expression ready to be evaluated. Nodes are immutable once their program is compiled.
type node struct {
	op   opcode
	args []*node
	val  value   // opConst
	v    int     // opVar, opSetting, opExists, opScalar, opPresent: the variable read
	t    sqlType // of the result
	to   sqlType // opConvert: what it converts to; t may be relabelled
	cmp  comparison
	not  bool   // opIsNull, opTruth, opDistinct: negated; opQuant: ALL
	want string // opTruth
	fn   *function

	missingOK bool // opSetting
	explicit  bool // opConvert
	folded    bool // opCompare: the collation is not deterministic
	// collected marks an array of what a sub-query's rows hold, of which the program has one element: whichever of them decides. That does for
	// ANY and ALL; to all else it may be anything.
	collected bool
	nulls     bool // opQuant: NULL is found where it is an element
	never     bool // only TRUE of it counts, and it never is
	positive  bool // reached from the root through AND and OR only
	// stand, when not negative, is the variable that stands for this node in a proof: its function is not one whose values
	// a small domain covers, so a proof lets it be anything.
	stand int
}

func constant(v value) *node { return &node{op: opConst, val: v, stand: -1} }

func operation(op opcode, args ...*node) *node { return &node{op: op, args: args, stand: -1} }

func compare(c comparison, a, b *node) *node {
	return &node{op: opCompare, cmp: c, args: []*node{a, b}, stand: -1}
}

// conjunction is AND of what is not nil; TRUE of nothing.
func conjunction(args ...*node) *node {
	var kept []*node
	for _, a := range args {
		switch {
		case a == nil || a.op == opConst && a.val.isTrue():
		case a.op == opConst && a.val.isFalse():
			return constant(falseV)
		case a.op == opAnd:
			kept = append(kept, a.args...)
		default:
			kept = append(kept, a)
		}
	}
	switch len(kept) {
	case 0:
		return constant(trueV)
	case 1:
		return kept[0]
	}
	return operation(opAnd, kept...)
}

// markPositive marks what is reached from the root through AND and OR only: there only TRUE counts.
func markPositive(n *node) {
	n.positive = true
	if n.op == opAnd || n.op == opOr {
		for _, a := range n.args {
			markPositive(a)
		}
	}
}

// walkNodes calls visit for n and all below.
func walkNodes(n *node, visit func(*node)) {
	if n == nil {
		return
	}
	visit(n)
	for _, a := range n.args {
		walkNodes(a, visit)
	}
}
