// Package expr reads the expressions that PostgreSQL stores analysed (pg_node_tree) into typed, three-valued logic.
//
// Names, operators, functions and types in a stored tree were resolved by the server when the object was made, so what is
// read here is what will run: a function planted on a search_path cannot disguise itself. Policies, view definitions, rules,
// defaults, index expressions and SQL-standard function bodies all have this form; string bodies of SQL functions are
// brought to it by package expr's parser front, names resolved under the function's own search_path.
//
// The parts, bottom up: node*.go read the text into generic nodes; read_*.go make typed ones of them, decode*.go the values
// of constants; resolve_*.go and analyze*.go do for parsed SQL what the server's parse analysis does; plpgsql*.go follow
// PL/pgSQL; body.go and inline*.go put functions in the place of their calls; context.go and identity*.go say what an
// expression reads and what it is.
//
// To add a node: add its type here, its children in children.go and transform.go, its case in read_node.go and identity.go,
// and objects that have it to testdata/trees.sql, recorded on every version with testdata/record.sql. To add a form to string
// bodies: its case in analyze_*.go and a statement in testdata/bodies.sql, which the server resolves beside us. A node that is
// not understood becomes Unknown, which keeps its children visible and is never silently true or false.
//
// Tags of Unknown that this package makes itself: RAISE, where a function raises instead of returning; EXCEPTION, a truth
// value that says whether a handler was taken; VARIABLE, COLUMN, OPERATOR, CALL, CAST and the like, what a string body names
// and nobody can resolve; AS_OWNER, a call whose value depends on the definer as whom it runs.
package expr

import "github.com/ringfencehq/ringfence/internal/catalog"

// An Expr is one node of an expression. The set of implementations is closed: the types of this file.
type Expr interface {
	// Type is the OID of the node's SQL type; 0 where the tree does not say.
	Type() uint32
	// Children returns the sub-expressions in order; sub-queries are not entered.
	Children() []Expr
}

// A Var is a column of a relation of the query it stands in, or of a query around it.
type Var struct {
	Level     int    // 0: this query (or the policy's own row), 1: the query around it, …
	RTE       int    // 1-based place in that query's range table
	Num       int16  // attribute number; 0 is the whole row, negative a system column
	Name      string // column name, "" when it could not be resolved
	TypeOID   uint32
	TypeMod   int32
	Collation uint32
	Returning string // 18: old or new, where RETURNING says which; else ""
}

// A Const is a literal.
type Const struct {
	TypeOID   uint32
	Collation uint32
	Null      bool
	Known     bool   // Text is the value's output form
	Text      string // for text, numbers, booleans (true/false), uuid, name, dates, and arrays of these ({a,b})
	Raw       string // the datum's bytes as the tree has them: opaque values are equal when TypeOID and Raw are
	// Elements are the values of a known array, in order; nil for everything else.
	Elements []*Const
}

// A Param is a parameter: of a function body ($1), of a sub-plan, or the value that a domain's check looks at.
type Param struct {
	Kind    string // extern, exec, sublink, multiexpr, domain; variable: a PL/pgSQL variable
	ID      int
	Name    string
	TypeOID uint32
}

// A Call is a function call.
type Call struct {
	OID       uint32
	Func      *catalog.Function // nil when the snapshot does not hold it
	Args      []Expr
	TypeOID   uint32
	Collation uint32 // input collation
	Variadic  bool
	Set       bool // returns a set
	// Form is how it was written: call, cast (explicit), implicit.
	Form string
}

// An Operation is an operator applied to one or two operands. Its Op decides what it means, never its spelling.
type Operation struct {
	Kind      string // plain, distinct (IS DISTINCT FROM), nullif
	OID       uint32
	Op        *catalog.Operator // nil when the snapshot does not hold it
	FuncOID   uint32            // what really runs: opfuncid
	Args      []Expr
	TypeOID   uint32
	Collation uint32
}

// A Quantified is expr OP ANY (array) or ALL.
type Quantified struct {
	OID       uint32
	Op        *catalog.Operator
	FuncOID   uint32
	Any       bool // false: ALL
	Left      Expr
	Array     Expr
	Collation uint32
}

// A Logic is AND, OR or NOT.
type Logic struct {
	Op   string // and, or, not
	Args []Expr
}

// A NullTest is IS [NOT] NULL. Row is true where the argument is a row and each field is tested.
type NullTest struct {
	Arg Expr
	Not bool
	Row bool
}

// A TruthTest is IS [NOT] TRUE, FALSE or UNKNOWN.
type TruthTest struct {
	Arg  Expr
	Want string // true, false, unknown
	Not  bool
}

// A Case is CASE: with Arg, each When is compared to it (the tree has the comparison already written out with CaseArg).
type Case struct {
	Arg     Expr // nil: searched
	Whens   []When
	Else    Expr // never nil: NULL where not written
	TypeOID uint32
}

// A When is one arm of a Case.
type When struct{ Cond, Result Expr }

// A CaseArg stands for the value of the Case around it.
type CaseArg struct{ TypeOID uint32 }

// A Coalesce is COALESCE.
type Coalesce struct {
	Args    []Expr
	TypeOID uint32
}

// A MinMax is GREATEST or LEAST.
type MinMax struct {
	Greatest bool
	Args     []Expr
	TypeOID  uint32
}

// A Cast is a change of type that calls no function of its own name: relabel (no change of bytes), io (through text),
// array (element by element), domain (checks), rowtype.
type Cast struct {
	Kind    string
	Arg     Expr
	TypeOID uint32
	TypeMod int32
	Elem    Expr // array: the element's conversion over CaseArg
}

// A Collate is an explicit COLLATE.
type Collate struct {
	Arg       Expr
	Collation uint32
}

// A RowCompare is (a, b) < (c, d) and the like.
type RowCompare struct {
	Strategy int // btree strategy: 1 <, 2 <=, 3 =, 4 >=, 5 >, 6 <>
	Ops      []uint32
	Left     []Expr
	Right    []Expr
}

// A Row is ROW(…).
type Row struct {
	Fields  []Expr
	TypeOID uint32
}

// An Array is ARRAY[…].
type Array struct {
	Elements []Expr
	TypeOID  uint32
	ElemOID  uint32
}

// A Subscript is container[index] or a slice.
type Subscript struct {
	Container Expr
	Lower     []Expr
	Upper     []Expr
	TypeOID   uint32
}

// A Field is (row).field.
type Field struct {
	Arg     Expr
	Num     int16
	Name    string
	TypeOID uint32
}

// A SessionValue is current_user and its kin: current_user, session_user, current_role, current_catalog, current_schema,
// current_date, current_time, current_timestamp, localtime, localtimestamp.
type SessionValue struct {
	Name    string
	TypeOID uint32
}

// An Aggregate is an aggregate or window call.
type Aggregate struct {
	OID    uint32
	Func   *catalog.Function
	Args   []Expr
	Filter Expr
	Window bool
	// Distinct is true for agg(DISTINCT …).
	Distinct bool
	TypeOID  uint32
}

// A SubLink is a sub-query in an expression.
type SubLink struct {
	Kind  string // exists, any, all, rowcompare, scalar, multi, array, cte
	Test  Expr   // any, all: the comparison, with SubColumn for the sub-query's columns
	Query *Query
	// RunAs is the role as whom the sub-query runs, where it stood in an inlined SECURITY DEFINER function; "": as who asks.
	RunAs string
	// TypeOID of a scalar or array one; bool for the others.
	TypeOID uint32
}

// A SubColumn stands, in a SubLink's Test, for a column of its sub-query's result.
type SubColumn struct {
	Num     int // 1-based
	TypeOID uint32
}

// An Unknown is a node that is not modelled. It is a free value: it may be anything, and NULL.
type Unknown struct {
	Tag     string // the node's tag: JSONEXPR, …
	Args    []Expr // the sub-expressions that could be read
	TypeOID uint32
	Key     string // normalised text: equal keys in one evaluation have equal values only where Stable
	Stable  bool   // whether it has the same value each time within one statement
}

// A Query is a stored query: a view's definition, a sub-query, a rule's action, a statement of a function body.
type Query struct {
	Command    string // select, insert, update, delete, merge, utility
	CanSetTag  bool
	Result     int // result relation's place in Range, 0: none
	Range      []RangeEntry
	From       []FromItem // implicitly cross-joined
	Where      Expr       // nil: none
	Targets    []Target
	Returning  []Target
	Group      bool // GROUP BY, aggregates or DISTINCT
	Grouped    bool // GROUP BY
	Having     Expr
	Limit      bool // LIMIT or OFFSET
	Some       bool // … that leaves a row wherever there is one: LIMIT of a positive constant, without OFFSET
	SetOp      *SetOp
	CTEs       []CTE
	OnConflict *OnConflict
	RowMarks   bool
	Merge      []MergeAction
	MergeOn    Expr   // a MERGE's join condition; its Where is nil
	Values     []Expr // what else the query evaluates: ORDER BY and LIMIT expressions
	RunAs      string // as SubLink.RunAs
	Utility    string // the tag of a utility statement
	Unknown    []string
}

// Written returns the relation that a query makes, changes or destroys rows of; nil where there is none.
func (q *Query) Written() *catalog.Relation {
	if q.Result < 1 || q.Result > len(q.Range) {
		return nil
	}
	return q.Range[q.Result-1].Relation
}

// A RangeEntry is one entry of a query's range table.
type RangeEntry struct {
	Kind     string // relation, subquery, join, function, values, cte, table_function, result, group
	Alias    string
	Relation *catalog.Relation // nil when the snapshot does not hold it
	RelOID   uint32
	Inherit  bool // false: ONLY
	Subquery *Query
	Funcs    []Expr
	CTE      string
	CTELevel int
	Lateral  bool
	Barrier  bool // security_barrier view inlined
	Values   [][]Expr
	JoinVars []Expr // join: the underlying expression of each output column
	Columns  []string
	record   bool // the one row of a document's members
	// Perm is what is checked on the relation, and as whom: requiredPerms (as words) and checkAsUser (0: who runs it).
	Perms       []string
	CheckAsUser uint32
	// Selected, Inserted and Updated are the columns the query's own privileges are asked for: 0 is the whole row.
	Selected, Inserted, Updated []int16
}

// A FromItem is a range table entry, or a join of two items.
type FromItem struct {
	RTE   int    // >0: that entry
	Join  string // inner, left, right, full; when RTE is 0
	Left  *FromItem
	Right *FromItem
	On    Expr
	Index int // the join's own place in the range table
}

// A Target is one column of a query's result, or one assignment of an INSERT or UPDATE.
type Target struct {
	Expr   Expr
	Num    int16 // result column, or the attribute assigned
	Name   string
	Junk   bool
	Column string // assigned column's name
	// OriginRelation and OriginColumn: where a plain column comes from (resorigtbl, resorigcol).
	OriginRelation uint32
	OriginColumn   int16
}

// A SetOp is UNION, INTERSECT or EXCEPT of the range entries at its leaves.
type SetOp struct {
	Op    string // union, intersect, except; "" at a leaf
	All   bool
	Left  *SetOp
	Right *SetOp
	RTE   int // at a leaf
}

// A CTE is one WITH entry.
type CTE struct {
	Name         string
	Query        *Query
	Recursive    bool
	Materialized string // default, always, never
	names        []string
}

// An OnConflict is INSERT … ON CONFLICT.
type OnConflict struct {
	Action string // nothing, update
	// Arbiter lists the columns that the row in conflict has in common with the new one, where the statement says which.
	Arbiter []string
	Set     []Target
	Where   Expr
}

// A MergeAction is one WHEN of a MERGE.
type MergeAction struct {
	Matched string // matched, not_matched, not_matched_by_source
	Command string
	Qual    Expr
	Targets []Target
}
