package plan

var prisma = Layout{
	Name: "prisma",
	Doc: `files for "prisma migrate deploy": prisma/migrations/TIME_NAME/migration.sql

The tool sends a file as one query; what cannot run in a transaction stands alone in its file. It knows no way back.`,
	files: func(m migration) map[string]string {
		return map[string]string{
			"prisma/migrations/" + m.time.Format("20060102150405") + "_" + m.slug + "/migration.sql": m.about() + transaction(m, m.up),
		}
	},
}
