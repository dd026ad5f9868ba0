package rollout

var backupRestored = Gate{
	Name:  "backup_restored",
	Item:  2,
	Title: "A backup was restored once",
	Doc: `A dump taken by the role that really takes backups, under the policies of the plan, was restored, and the counts of rows were equal. Where a
restore command is given it is run; a dump is not a backup until it came back.`,
	Facts: []*Collector{&backupRestore},
}
