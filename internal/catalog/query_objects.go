package catalog

// A publicationRow is a Publication while it is being read.
type publicationRow struct{ Publication }

// objectQueries read what stands beside the relations: extensions, settings, publications, foreign servers, triggers on events.
func (b *builder) objectQueries() []query {
	return []query{
		{name: "extensions", take: b.takeExtension, sql: `SELECT extname::text, extnamespace, extversion, extowner FROM pg_extension`},
		{name: "settings of roles and databases", need: "pg_db_role_setting", take: b.takeSetting, sql: `SELECT s.setdatabase, s.setrole, c.entry FROM pg_db_role_setting s,
			unnest(s.setconfig) AS c(entry)`},
		{name: "publications", need: "pg_publication", take: b.takePublication, sql: `SELECT oid, pubname::text, pubowner, puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot FROM pg_publication`},
		{name: "published tables", need: "pg_publication_rel", take: b.takePublished, sql: `SELECT p.prpubid, p.prrelid, ` +
			b.since(15, `p.prattrs::int2[], p.prqual::text, `+b.printed(`pg_get_expr(p.prqual, p.prrelid)`), `NULL::int2[], NULL::text, NULL::text`) +
			` FROM pg_publication_rel p`},
		{name: "published schemas", need: "pg_publication_namespace", take: b.takePublishedSchema, sql: b.since(15, `SELECT pnpubid, pnnspid FROM pg_publication_namespace`,
			`SELECT 0::oid, 0::oid WHERE false`)},
		{name: "event triggers", need: "pg_event_trigger", take: b.takeEventTrigger, sql: `SELECT evtname::text, evtevent::text, evttags, evtfoid, evtowner, evtenabled::text FROM pg_event_trigger`},
		{name: "subscriptions", need: "pg_subscription", take: b.takeSubscription, sql: `SELECT s.subname::text, s.subowner, s.subenabled, s.subpublications, ` +
			b.since(16, `s.subrunasowner`, `true`) + ` FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = current_database()`},
		{name: "foreign servers", need: "pg_foreign_server", take: b.takeServer, sql: `SELECT s.oid, s.srvname::text, w.fdwname::text, s.srvowner,
			ARRAY(SELECT o FROM unnest(s.srvoptions) o WHERE split_part(o, '=', 1) IN ('host', 'hostaddr', 'port', 'dbname'))
			FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw`},
		{name: "user mappings", need: "pg_user_mappings", take: b.takeUserMapping, sql: `SELECT m.srvname::text, m.umuser, (SELECT substr(o, 6) FROM unnest(m.umoptions) o WHERE o LIKE 'user=%'),
			m.umoptions IS NOT NULL OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) FROM pg_user_mappings m`},
	}
}

func (b *builder) takeExtension(r *row) {
	b.snap.Extensions = append(b.snap.Extensions, Extension{Name: r.text(), Schema: b.namespaces[r.oid()], Version: r.text(), Owner: b.role(r.oid())})
}

func (b *builder) takeSetting(r *row) {
	s := Setting{Database: b.databases[r.oid()], Role: b.role(r.oid())}
	s.Name, s.Value = cutOption(r.text())
	b.snap.Settings = append(b.snap.Settings, s)
}

func (b *builder) takePublication(r *row) {
	oid := r.oid()
	p := &publicationRow{Publication{Name: r.text(), Owner: b.role(r.oid()), AllTables: r.bool(), Publish: []string{}}}
	for _, what := range []string{"insert", "update", "delete", "truncate"} {
		if r.bool() {
			p.Publish = append(p.Publish, what)
		}
	}
	p.ViaRoot = r.bool()
	b.tables[oid] = p
}

func (b *builder) takePublished(r *row) {
	p, n, columns, filter := b.tables[r.oid()], b.relations[r.oid()], r.int16s(), r.tree()
	if p == nil || n == nil {
		return
	}
	t := PublicationTable{Table: n.Identity(), Filter: filter}
	if len(columns) > 0 {
		t.Columns = n.columnNames(columns)
	}
	p.Tables = append(p.Tables, t)
}

func (b *builder) takePublishedSchema(r *row) {
	p, schema := b.tables[r.oid()], b.namespaces[r.oid()]
	if p != nil {
		p.Schemas = append(p.Schemas, schema)
	}
}

func (b *builder) takeEventTrigger(r *row) {
	t := eventTriggerRow{EventTrigger: EventTrigger{Name: r.text(), Event: r.text(), Tags: r.texts()}, function: r.oid()}
	t.Owner, t.Enabled = b.role(r.oid()), enabled.of(r.text())
	b.eventTriggers = append(b.eventTriggers, t)
}

// An eventTriggerRow is an EventTrigger whose function is not named yet.
type eventTriggerRow struct {
	EventTrigger
	function uint32
}

func (b *builder) takeSubscription(r *row) {
	b.snap.Subscriptions = append(b.snap.Subscriptions, Subscription{Name: r.text(), Owner: b.role(r.oid()), Enabled: r.bool(), Publications: r.texts(), RunAsOwner: r.bool()})
}

func (b *builder) takeServer(r *row) {
	oid := r.oid()
	s := ForeignServer{Name: r.text(), Wrapper: r.text(), Owner: b.role(r.oid()), Options: optionMap(r.texts())}
	b.servers[oid] = s.Name
	b.snap.ForeignServers = append(b.snap.ForeignServers, s)
}

func (b *builder) takeUserMapping(r *row) {
	m := UserMapping{Server: r.text(), Role: b.role(r.oid()), RemoteUser: r.text(), Known: r.bool()}
	if !m.Known {
		b.unreadable("options of the user mapping of " + roleOrPublic(m.Role) + " on server " + QuoteIdent(m.Server))
	}
	b.snap.UserMappings = append(b.snap.UserMappings, m)
}

func roleOrPublic(role string) string {
	if role == "" {
		return "PUBLIC"
	}
	return QuoteIdent(role)
}
