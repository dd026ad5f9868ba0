package catalog

import (
	"strconv"
	"strings"
)

// droppedFields are what a tree holds beside its meaning: places in the text it was written in, the spelling of casts and
// aliases, and what PostgreSQL derives from the rest and numbers by attribute.
var droppedFields = map[string]bool{
	"location": true, "stmt_location": true, "stmt_len": true, "querySource": true, "queryId": true, "list_start": true, "list_end": true,
	"alias": true, "eref": true, "varnosyn": true, "varattnosyn": true, "joinleftcols": true, "joinrightcols": true, "joinaliasvars": true,
	"selectedCols": true, "insertedCols": true, "updatedCols": true, "extraUpdatedCols": true, "rellockmode": true,
	"resorigtbl": true, "resorigcol": true, "resno": true, "ctename_location": true, "join_using_alias": true, "varreturningtype_location": true,
}

func dropped(field string) bool {
	return droppedFields[field] || strings.HasSuffix(field, "format") && field != "format" || strings.HasSuffix(field, "_location")
}

// A treeWriter writes stored trees in the form that enters a hash: two trees of one meaning, out of two databases that were
// made from one definition, give the same text; every object stands by its identity, every column of a table by its name.
type treeWriter struct {
	snap        *Snapshot
	constraints map[uint32]string
	roles       map[uint32]string
	out         strings.Builder
}

func newTreeWriter(s *Snapshot) *treeWriter {
	w := &treeWriter{snap: s, constraints: map[uint32]string{}, roles: make(map[uint32]string, len(s.Roles))}
	for i := range s.Roles {
		w.roles[s.Roles[i].OID] = s.Roles[i].Name
	}
	for i := range s.Relations {
		for j := range s.Relations[i].Constraints {
			w.constraints[s.Relations[i].Constraints[j].OID] = s.Relations[i].Constraints[j].Name
		}
	}
	return w
}

// A treeScope is the range table that a Var's varno counts in, and the one around it.
type treeScope struct {
	entries []*treeNode // of RANGETBLENTRY
	writes  bool        // the query is no SELECT: its targets' names are columns that are written
	own     *Relation   // instead of entries: every varno is this relation (an expression on a table, OLD and NEW)
	outer   *treeScope
}

// normal returns the hashed form of a tree on relation own, which is nil for a function's.
func (w *treeWriter) normal(t *Tree, own *Relation) string {
	w.out.Reset()
	w.write(parseTree(t.Node), &treeScope{own: own})
	return w.out.String()
}

func (w *treeWriter) write(n *treeNode, scope *treeScope) {
	switch {
	case n.list:
		w.out.WriteByte('(')
		for _, item := range n.items {
			w.write(item, scope)
			w.out.WriteByte(' ')
		}
		w.out.WriteByte(')')
	case n.tag == "":
		w.out.WriteString(n.word)
	case n.tag == "VAR":
		w.writeVar(n, scope)
	case n.tag == "CONST":
		w.writeConst(n)
	case n.tag == "ARRAYCOERCEEXPR" && n.field("arg").tag == "ARRAYEXPR":
		w.write(pushCoercion(n), scope)
	case n.tag == "QUERY":
		w.writeFields(n, &treeScope{entries: n.field("rtable").items, writes: n.field("commandType").word != "1", outer: scope})
	default:
		w.writeFields(n, scope)
	}
}

func (w *treeWriter) writeFields(n *treeNode, scope *treeScope) {
	w.out.WriteString("{" + n.tag)
	for _, f := range n.fields {
		if dropped(f.name) || f.name == "resname" && scope != nil && !scope.writes {
			continue // what a SELECT calls its columns is known by their order
		}
		w.out.WriteString(" :" + f.name + " ")
		w.writeField(f, scope)
	}
	w.out.WriteByte('}')
}

func (w *treeWriter) writeField(f treeField, scope *treeScope) {
	class := fieldClass(f.name)
	for _, v := range f.value {
		if class == classNone || v.tag != "" {
			w.write(v, scope)
			continue
		}
		if !v.list {
			w.writeOID(class, v.word)
			continue
		}
		for _, item := range v.items {
			w.writeOID(class, item.word)
			w.out.WriteByte(' ')
		}
	}
}

// writeVar writes a column by name where its range table entry is a relation, by what it stands for where that is a join,
// else by number.
func (w *treeWriter) writeVar(n *treeNode, scope *treeScope) {
	num, _ := strconv.Atoi(n.field("varattno").word)
	varno, _ := strconv.Atoi(n.field("varno").word)
	level, _ := strconv.Atoi(n.field("varlevelsup").word)
	at := scope
	for i := 0; i < level && at != nil; i++ {
		at = at.outer
	}
	if alias := at.joinVar(varno, num); alias != nil {
		w.out.WriteString("{JOINED " + strconv.Itoa(level) + " ")
		w.write(alias, at)
		w.out.WriteByte('}')
		return
	}
	w.out.WriteString("{VAR " + strconv.Itoa(level) + " " + strconv.Itoa(varno) + " ")
	if c := w.column(at, varno, num); c != nil {
		w.out.WriteString(QuoteIdent(c.Name))
	} else {
		w.out.WriteString(strconv.Itoa(num))
	}
	for _, f := range n.fields {
		switch f.name {
		case "varno", "varattno", "varlevelsup":
		default:
			if !dropped(f.name) {
				w.out.WriteString(" :" + f.name + " ")
				w.writeField(f, scope)
			}
		}
	}
	w.out.WriteByte('}')
}

func (s *treeScope) entry(varno int) *treeNode {
	if s == nil || varno < 1 || varno > len(s.entries) {
		return nil
	}
	return s.entries[varno-1]
}

// joinVar is the expression behind a column of a join, or nil.
func (s *treeScope) joinVar(varno, num int) *treeNode {
	e := s.entry(varno)
	if e == nil || num < 1 {
		return nil
	}
	if vars := e.field("joinaliasvars").items; num <= len(vars) {
		return vars[num-1]
	}
	return nil
}

func (w *treeWriter) column(s *treeScope, varno, num int) *Column {
	relation := (*Relation)(nil)
	if s != nil {
		relation = s.own
	}
	if e := s.entry(varno); e != nil {
		oid, _ := strconv.ParseUint(e.field("relid").word, 10, 32)
		if e.field("rtekind").word == "0" {
			relation = w.snap.RelationByOID(uint32(oid))
		}
	}
	if relation == nil {
		return nil
	}
	return relation.Column(int16(num))
}

// pushCoercion writes (ARRAY[a, b])::text[] as ARRAY[a::text, b::text]: PostgreSQL stores the first for x IN (a, b) and the
// second once that was dumped and restored.
func pushCoercion(n *treeNode) *treeNode {
	array, element := n.field("arg"), n.field("elemexpr")
	out := &treeNode{tag: array.tag}
	for _, f := range array.fields {
		switch f.name {
		case "array_typeid":
			f.value = []*treeNode{n.field("resulttype")}
		case "element_typeid":
			f.value = []*treeNode{elementType(element)}
		case "elements":
			items := &treeNode{list: true}
			for _, item := range f.value[0].items {
				items.items = append(items.items, substitute(element, item))
			}
			f.value = []*treeNode{items}
		}
		out.fields = append(out.fields, f)
	}
	return out
}

func elementType(e *treeNode) *treeNode {
	for _, name := range []string{"resulttype", "funcresulttype"} {
		if t := e.field(name); t.word != "" {
			return t
		}
	}
	return &treeNode{word: "0"}
}

// substitute puts item in the place of the CASETESTEXPR that stands for the array's element.
func substitute(e, item *treeNode) *treeNode {
	if e.tag == "CASETESTEXPR" {
		return item
	}
	out := &treeNode{tag: e.tag, list: e.list, word: e.word}
	for _, f := range e.fields {
		values := make([]*treeNode, len(f.value))
		for i, v := range f.value {
			values[i] = substitute(v, item)
		}
		out.fields = append(out.fields, treeField{f.name, values})
	}
	for _, i := range e.items {
		out.items = append(out.items, substitute(i, item))
	}
	return out
}
