package rollout

var backupFresh = Gate{
	Name:  "backup_fresh",
	Item:  1,
	Title: "A backup is under an hour old",
	Doc:   `The last backup that finished, as the backup hook or the archiver tells it, ended less than an hour before the stage begins.`,
	Facts: []*Collector{&backupAge},
}
