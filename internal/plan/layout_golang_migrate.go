package plan

var golangMigrate = Layout{
	Name: "golang-migrate",
	Doc: `files for golang-migrate: NUMBER_NAME.up.sql and NUMBER_NAME.down.sql

The tool sends a file as one query, which is one transaction where it holds several statements; what cannot run in one stands
alone in its file. x-multi-statement must stay off: it would split at each semicolon.`,
	files: func(m migration) map[string]string {
		return upAndDown(m.time.Format("20060102150405")+"_"+m.slug, m)
	},
}

// upAndDown writes both directions, each a file that can be sent as one query.
func upAndDown(name string, m migration) map[string]string {
	return map[string]string{name + ".up.sql": m.about() + transaction(m, m.up), name + ".down.sql": transaction(m, m.down)}
}

// transaction writes one direction; SET LOCAL asks for a transaction that is said, not implied.
func transaction(m migration, statements []string) string {
	if m.alone || len(statements) == 0 {
		return text(statements)
	}
	return "BEGIN;\n" + text(m.body(statements)) + "COMMIT;\n"
}
