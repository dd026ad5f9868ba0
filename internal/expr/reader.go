package expr

import (
	"fmt"
	"strings"
	"sync"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// A Reader reads stored trees and function bodies against one Snapshot. It is safe for concurrent use, keeps what it has
// read by the tree's text, and hands the same node to everyone: what it returns must not be changed.
type Reader struct {
	snap     *catalog.Snapshot
	exprs    sync.Map // exprKey → exprResult
	actions  sync.Map // tree text → actionResult
	bodies   sync.Map // function OID → *bodyEntry
	refusing sync.Map // *catalog.Function → whether it refuses callers
	names    *nameTable
	dir      func() *directory
}

type exprKey struct {
	node string
	rel  uint32
}

type exprResult struct {
	expr Expr
	err  error
}

type actionResult struct {
	queries []*Query
	err     error
}

// NewReader returns a Reader over snap, which must be indexed (catalog.Snapshot.Reindex) and must not change afterwards.
func NewReader(snap *catalog.Snapshot) *Reader {
	r := &Reader{snap: snap, names: newNameTable(snap)}
	r.dir = newDirectory(r)
	return r
}

// Snapshot returns what the Reader resolves names against.
func (r *Reader) Snapshot() *catalog.Snapshot { return r.snap }

// Expression reads a policy, default, check, index or trigger expression. Its columns (Level 0) are rel's; rel may be nil
// where there is none (a domain's check). RTE 1 is rel's row; in a rule's or trigger's condition 1 is OLD and 2 is NEW.
// A nil tree gives nil. The error is a *SyntaxError where the text is not a stored tree.
func (r *Reader) Expression(tree *catalog.Tree, rel *catalog.Relation) (Expr, error) {
	if tree == nil {
		return nil, nil
	}
	key := exprKey{node: tree.Node}
	if rel != nil {
		key.rel = rel.OID
	}
	if v, ok := r.exprs.Load(key); ok {
		res := v.(exprResult)
		return res.expr, res.err
	}
	e, err := r.readExpression(tree.Node, rel)
	v, _ := r.exprs.LoadOrStore(key, exprResult{e, err})
	res := v.(exprResult)
	return res.expr, res.err
}

func (r *Reader) readExpression(text string, rel *catalog.Relation) (Expr, error) {
	n, err := parseNode(text)
	if err != nil {
		return nil, fmt.Errorf("reading an expression: %w", err)
	}
	b := &builder{r: r, scope: &scope{query: rowScope(rel)}, spent: new(int)}
	return b.expr(n), nil
}

// rowScope is the query that an expression over one relation's row stands in: the row, and the new row beside it.
func rowScope(rel *catalog.Relation) *Query {
	q := &Query{Command: "select"}
	if rel == nil {
		return q
	}
	entry := RangeEntry{Kind: "relation", Relation: rel, RelOID: rel.OID, Alias: rel.Name}
	q.Range = []RangeEntry{entry, entry}
	return q
}

// Expressions reads a stored list of expressions: index expressions, or the defaults of a function's last arguments.
func (r *Reader) Expressions(tree *catalog.Tree, rel *catalog.Relation) ([]Expr, error) {
	if tree == nil {
		return nil, nil
	}
	n, err := parseNode(tree.Node)
	if err != nil {
		return nil, fmt.Errorf("reading expressions: %w", err)
	}
	b := &builder{r: r, scope: &scope{query: rowScope(rel)}, spent: new(int)}
	if n.kind == listNode {
		return b.exprs(n), nil
	}
	return []Expr{b.expr(n)}, nil
}

// View returns what a view's own definition reads; nil where the relation has none.
func (r *Reader) View(view *catalog.Relation) ([]*Query, error) {
	for i := range view.Rules {
		if view.Rules[i].Name == "_RETURN" {
			return r.Action(&view.Rules[i].Action)
		}
	}
	return nil, nil
}

// Action reads a stored list of queries: pg_rewrite.ev_action, or pg_proc.prosqlbody in either of its forms.
func (r *Reader) Action(tree *catalog.Tree) ([]*Query, error) {
	if tree == nil {
		return nil, nil
	}
	if v, ok := r.actions.Load(tree.Node); ok {
		res := v.(actionResult)
		return res.queries, res.err
	}
	queries, err := r.readAction(tree.Node)
	v, _ := r.actions.LoadOrStore(tree.Node, actionResult{queries, err})
	res := v.(actionResult)
	return res.queries, res.err
}

func (r *Reader) readAction(text string) ([]*Query, error) {
	n, err := parseNode(text)
	if err != nil {
		return nil, fmt.Errorf("reading a query: %w", err)
	}
	b := &builder{r: r, spent: new(int)}
	return b.queries(n, nil), nil
}

// queries reads a query, or the queries of a list and of the lists in it.
func (b *builder) queries(n *node, out []*Query) []*Query {
	switch {
	case n.kind == listNode:
		for _, item := range n.items {
			out = b.queries(item, out)
		}
	case n.tag == "QUERY":
		out = append(out, b.query(n))
	case n.kind == structNode:
		out = append(out, &Query{Command: "utility", Utility: strings.TrimSuffix(n.tag, "STMT"), Unknown: []string{"statement " + n.tag}})
	}
	return out
}

// A builder turns generic nodes into typed ones within one scope.
type builder struct {
	r     *Reader
	scope *scope
	spent *int // nodes copied for columns of joins, over the whole tree
}

// maxCopies bounds what a tree may grow by when columns of joins are replaced by what is behind them. A tree that the server
// made stays far below; one that was made to explode keeps its Vars as they are.
const maxCopies = 100_000

// affords reports whether e may be copied once more.
func (b *builder) affords(e Expr) bool {
	WalkDeep(e, func(Expr, int) bool {
		*b.spent++
		return *b.spent < maxCopies
	})
	return *b.spent < maxCopies
}

// A scope is a query being read and the queries around it.
type scope struct {
	query *Query
	outer *scope
	skip  int // entries at the head of the stored range table that are left out
}

// up returns the scope that many queries out, or nil.
func (s *scope) up(level int) *scope {
	for ; level > 0 && s != nil; level-- {
		s = s.outer
	}
	return s
}

// entry returns the range entry that a Var names, or nil.
func (s *scope) entry(level, rte int) *RangeEntry {
	s = s.up(level)
	if s == nil || s.query == nil || rte < 1 || rte > len(s.query.Range) {
		return nil
	}
	return &s.query.Range[rte-1]
}
