package catalog

import (
	"strconv"
)

// A builder collects what the queries give and puts it together. Everything is keyed by OID, which is sound because all
// was read under one transaction's snapshot; names enter once, from the rows of the catalogues that hold them.
type builder struct {
	version int
	snap    *Snapshot
	terse   bool // printed forms are not asked for

	roles      map[uint32]string
	namespaces map[uint32]string
	types      map[uint32]*typeRow
	collations map[uint32]*Collation
	opclasses  map[uint32]string
	// defaultClass is the default btree operator class of pg_catalog by input type.
	defaultClass map[uint32]uint32
	relations    map[uint32]*relationRow
	order        []*relationRow
	functions    map[uint32]*functionRow
	operators    map[uint32]*operatorRow
	languages    map[uint32]string
	servers      map[uint32]string
	databases    map[uint32]string
	extOf        map[objectID]string
	tables       map[uint32]*publicationRow

	acls     map[string]map[uint32][]Grant // by kind of object, then OID
	policies map[uint32]*Policy
	casts    []castRow

	eventTriggers []eventTriggerRow
	denied        map[string]bool // catalogues and functions that the session may not read
}

// An objectID is pg_depend's way to name an object: the catalogue, by its name, and the row in it.
type objectID struct {
	catalog string
	oid     uint32
}

func newBuilder(s *Snapshot) *builder {
	return &builder{
		snap: s, denied: map[string]bool{},
		roles: map[uint32]string{}, namespaces: map[uint32]string{}, types: map[uint32]*typeRow{},
		collations: map[uint32]*Collation{}, opclasses: map[uint32]string{}, defaultClass: map[uint32]uint32{}, relations: map[uint32]*relationRow{},
		functions: map[uint32]*functionRow{}, operators: map[uint32]*operatorRow{}, languages: map[uint32]string{},
		servers: map[uint32]string{}, databases: map[uint32]string{}, extOf: map[objectID]string{},
		tables: map[uint32]*publicationRow{}, acls: map[string]map[uint32][]Grant{},
		policies: map[uint32]*Policy{},
	}
}

// role names a role; one that no longer exists has its number, as PostgreSQL prints it. 0 is PUBLIC and gives "".
func (b *builder) role(oid uint32) string {
	if name, ok := b.roles[oid]; ok || oid == 0 {
		return name
	}
	return strconv.FormatUint(uint64(oid), 10)
}

// since gives then on servers of at least that major version, else otherwise.
func (b *builder) since(major int, then, otherwise string) string {
	if b.version >= major*10000 {
		return then
	}
	return otherwise
}

// printed is an SQL expression that prints a stored tree or a definition for people, or NULL where that is not asked for.
func (b *builder) printed(expr string) string {
	if b.terse {
		return `NULL::text`
	}
	return expr
}

// words maps one-letter codes of the catalogue to words; an unknown code stays as it is, visible.
type words map[string]string

func (w words) of(code string) string {
	if word, ok := w[code]; ok {
		return word
	}
	return code
}

// unreadable notes what the session was refused: later readers must take it as unknown, not as absent.
func (b *builder) unreadable(what string) {
	b.snap.Server.Unreadable = append(b.snap.Server.Unreadable, what)
}
