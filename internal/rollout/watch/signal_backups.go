package watch

import (
	"fmt"
	"time"

	"github.com/ringfencehq/ringfence/internal/rollout"
)

// backupLimit is how old the last backup may be while a stage is watched.
const backupLimit = 26 * time.Hour

var backups = Kind{
	Name:     "backups",
	Doc:      `the last backup is older than 26 hours: the role that takes them may not see all rows any more`,
	Severity: 2,
	Judge: func(v *View) []rollout.Signal {
		if v.Now.BackupAge == nil || *v.Now.BackupAge <= backupLimit.Seconds() {
			return nil
		}
		age := time.Duration(*v.Now.BackupAge) * time.Second
		return []rollout.Signal{{Value: age.String(), Why: fmt.Sprintf("the last backup ended %s ago", age)}}
	},
}
