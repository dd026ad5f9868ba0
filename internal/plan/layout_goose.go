package plan

import "strings"

var goose = Layout{
	Name: "goose",
	Doc: `files for goose: TIME_NAME.sql with both directions

Each statement stands between StatementBegin and StatementEnd, so that no semicolon within it ends it; what cannot run in a
transaction is in a file that says NO TRANSACTION.`,
	files: func(m migration) map[string]string {
		var b strings.Builder
		if m.alone {
			b.WriteString("-- +goose NO TRANSACTION\n")
		}
		b.WriteString("-- +goose Up\n" + m.about())
		gooseStatements(&b, m.body(m.up))
		b.WriteString("-- +goose Down\n")
		gooseStatements(&b, m.body(m.down))
		return map[string]string{m.time.Format("20060102150405") + "_" + m.slug + ".sql": b.String()}
	},
}

func gooseStatements(b *strings.Builder, statements []string) {
	for _, s := range statements {
		b.WriteString("-- +goose StatementBegin\n" + s + ";\n-- +goose StatementEnd\n")
	}
}
