package plan

import "strconv"

var flyway = Layout{
	Name: "flyway",
	Doc: `files for Flyway: VTIME__NAME.sql, its way back UTIME__NAME.sql, and a script configuration beside each

The configuration switches placeholders off, so that a name with ${ stays a name, and says which script cannot run in a transaction.
Going back needs an edition that knows undo migrations.`,
	files: func(m migration) map[string]string {
		name := m.time.Format("20060102150405") + "__" + m.slug + ".sql"
		conf := "placeholderReplacement=false\nexecuteInTransaction=" + strconv.FormatBool(!m.alone) + "\n"
		out := map[string]string{"V" + name: m.about() + text(m.body(m.up)), "V" + name + ".conf": conf}
		if len(m.down) > 0 {
			out["U"+name], out["U"+name+".conf"] = text(m.body(m.down)), conf
		}
		return out
	},
}
