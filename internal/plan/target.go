package plan

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// A Name is an object's schema and name, unquoted.
type Name struct {
	Schema string `json:"schema"`
	Name   string `json:"name"`
}

// Identity returns the name as pg_identify_object gives it.
func (n Name) Identity() string {
	return catalog.QuoteIdent(n.Schema) + "." + catalog.QuoteIdent(n.Name)
}

func (n Name) sql() string { return pg.Ident(n.Schema, n.Name) }

// A Target is what a step is made for: the object it changes and, for its Undo, what stands there now. Each kind says in its
// file which fields it reads; the others are empty. Names are unquoted, types are as format_type prints them under a
// search_path of pg_catalog.
type Target struct {
	Name // the table, view or function

	Columns    []string        `json:"columns,omitempty"`
	Type       string          `json:"type,omitempty"`  // of the first column
	Object     Name            `json:"object,omitzero"` // index, constraint, trigger or policy; its schema only where it has one
	Old        Name            `json:"old,omitzero"`    // what Object replaces
	OldColumns []string        `json:"old_columns,omitempty"`
	Index      *IndexShape     `json:"index,omitempty"`      // for index kinds
	Partitions []Name          `json:"partitions,omitempty"` // every table below a partitioned one
	Attach     []Name          `json:"attach,omitempty"`     // partition indexes to attach
	Exclusion  string          `json:"exclusion,omitempty"`  // a constraint as the server prints it
	Rows       *Predicate      `json:"rows,omitempty"`       // which rows a function gives out
	Policy     *PolicyShape    `json:"policy,omitempty"`     // what is to be
	WasPolicy  *StoredPolicy   `json:"was_policy,omitempty"` // what is
	Parent     *ParentTest     `json:"parent,omitempty"`     // where a child finds its tenant
	Reference  *Reference      `json:"reference,omitempty"`  // a foreign key's other end
	Arguments  []string        `json:"arguments,omitempty"`  // a function's input types
	Body       string          `json:"body,omitempty"`       // of a function that is made
	Returns    string          `json:"returns,omitempty"`    // what it returns
	Writes     bool            `json:"writes,omitempty"`     // whether it changes rows
	Touches    []Name          `json:"touches,omitempty"`    // tables that a body which writes may name
	Procedure  Name            `json:"procedure,omitzero"`   // a trigger's function
	Role       string          `json:"role,omitempty"`       // "" is PUBLIC where a grantee is meant
	Member     string          `json:"member,omitempty"`
	Roles      []string        `json:"roles,omitempty"`
	Privileges []string        `json:"privileges,omitempty"`
	Options    []string        `json:"options,omitempty"` // of a membership: ADMIN, INHERIT, SET
	Was        []catalog.Grant `json:"was,omitempty"`     // grants that Undo gives back
	WasColumns []ColumnGrants  `json:"was_columns,omitempty"`
	ObjectType string          `json:"type_of,omitempty"`  // table, sequence, schema, function
	Database   string          `json:"database,omitempty"` // of a setting; "" is every one
	Setting    string          `json:"setting,omitempty"`
	Value      string          `json:"value,omitempty"`
	WasValue   *string         `json:"was_value,omitempty"` // nil: was not set
	Path       []string        `json:"path,omitempty"`      // a search_path, schema by schema; empty: the function's own schema
	Version    int             `json:"version,omitempty"`   // server_version_num, where the SQL depends on it
}

// An IndexShape says what an index is led by.
type IndexShape struct {
	// Keys are columns, or expressions in parentheses as the server prints them: "(organization_id)::text" is Cast text.
	Keys []IndexKey `json:"keys"`
}

// An IndexKey is one key of an index that is to be made: a column, cast where Cast is set.
type IndexKey struct {
	Column string `json:"column"`
	Cast   string `json:"cast,omitempty"`
}

// ColumnGrants are the grants of one column.
type ColumnGrants struct {
	Column string          `json:"column"`
	Grants []catalog.Grant `json:"grants"`
}

// A Reference is the other end of a foreign key, with its actions in SQL's words; "" is NO ACTION.
type Reference struct {
	Name
	Columns  []string `json:"columns"`
	OnUpdate string   `json:"on_update,omitempty"`
	OnDelete string   `json:"on_delete,omitempty"`
	Full     bool     `json:"full,omitempty"`  // MATCH FULL
	Defer    string   `json:"defer,omitempty"` // "", deferrable, deferred
}

// A StoredPolicy is a policy as it stands in the catalogue, enough to make it again.
type StoredPolicy struct {
	Name       string   `json:"name"`
	Command    string   `json:"command"`
	Permissive bool     `json:"permissive"`
	Roles      []string `json:"roles,omitempty"` // empty: PUBLIC
	Using      string   `json:"using,omitempty"` // as pg_get_expr prints it under a search_path of pg_catalog
	Check      string   `json:"check,omitempty"`
	Comment    string   `json:"comment,omitempty"`
}

// step renders the kind for a target. The planner fills in id, group, reasons and fingerprints.
func (k *Kind) step(t Target) Step {
	s := Step{
		Kind: k.Name, Object: t.Name.Identity(), Lock: k.Lock, UndoLock: k.UndoLock, Transaction: "own",
		Do: k.Do(t), Done: k.Done(t), Undo: []string{}, Danger: slices.Clone(k.Danger), Why: []string{},
		Wave: k.Wave, NoUndo: k.NoUndo, Batch: k.Batch,
		UndoDanger: slices.Clone(k.UndoDanger), Before: map[string]string{}, Policy: t.Policy,
	}
	if k.Name == revoke.Name || k.Name == revokeExecute.Name {
		s.Takes = &Taken{Role: t.Role, Privileges: slices.Clone(t.Privileges), Columns: slices.Clone(t.Columns)}
	}
	if t.Schema != "" && k.Lock != NoLock || t.Schema != "" && k.UndoLock != NoLock {
		s.Table = t.Name.Identity()
	}
	if k.Alone {
		s.Transaction = "none"
	}
	if k.Object != nil {
		s.Object = k.Object(t)
	}
	if k.Also != nil {
		s.Also = k.Also(t)
	}
	if k.Note != nil {
		s.Note = k.Note(t)
	}
	if k.Undo != nil {
		s.Undo = k.Undo(t)
	}
	return s
}
