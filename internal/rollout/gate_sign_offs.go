package rollout

import (
	"fmt"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/attest"
)

var signedOff = Gate{
	Name:  "sign_offs",
	Item:  14,
	Title: "Everybody asked for has signed these bytes",
	Doc: `One person for each role, none of them twice and none of them the author of the plan or of its last change, over this plan, its way back,
this evidence and this target. Any change of what was signed voids it.`,
	Fixed: true,
	Own: func(s *State, stage *Stage, people *attest.Approvers, at time.Time) (Outcome, string, error) {
		if people.Digest != s.Rollout.Approvers {
			return Fail, "approvers.yaml is not the one that the rollout was made with", nil
		}
		signatures, err := s.Signatures(stage, people, at)
		if err != nil {
			return Unknown, "", err
		}
		missing := Missing(s.Rollout.Roles, signatures)
		if len(missing) == 0 {
			return Pass, fmt.Sprintf("%d of %d signed", len(s.Rollout.Roles), len(s.Rollout.Roles)), nil
		}
		why := "nobody signed for " + strings.Join(missing, ", ")
		for _, sig := range signatures {
			if sig.Void != "" {
				why += fmt.Sprintf("; %s's signature for %s does not count: %s", sig.Person, sig.Role, sig.Void)
			}
		}
		return Fail, why, nil
	},
}
