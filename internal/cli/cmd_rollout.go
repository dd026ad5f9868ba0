package cli

import "github.com/spf13/cobra"

func rolloutCmd(w *World) *cobra.Command {
	cmd := command("rollout", "take a plan from staging to production on facts, signatures and measured behaviour",
		`A rollout is a plan on its way: through stages, each with a target, a window and a soak; on facts that are found out, signatures
over exactly these bytes, and what the database itself shows afterwards. Nothing can be ticked by hand. It is green when every fact
that is asked for holds at that moment, and red otherwise; what is not known is not green.

  ringfence rollout init                      rollout.yaml and approvers.yaml to begin with
  ringfence rollout seal approvers.yaml --key root
  ringfence rollout new                       begin: the log, in the directory and in each target's database
  ringfence rollout rehearse                  find out every fact: the plan on a copy, there and back and there again
  ringfence rollout check                     GREEN or RED, with the list
  ringfence rollout sign --role security --key ~/.ssh/id_ed25519
  ringfence rollout advance                   apply the stage, cohort by cohort
  ringfence rollout watch                     measure it, and take it back where it has to be
  ringfence rollout close                     the closing report
  ringfence rollout verify DIR                check all of it offline, as an auditor does

DIR is ringfence-rollout where it is left out. It can be committed: it holds no secret, and DSNs are only named by their variables.`, nil)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return cmd.Help() }
	cmd.AddCommand(rolloutInitCmd(w), rolloutSealCmd(w), rolloutNewCmd(w), rolloutStatusCmd(w), rolloutRehearseCmd(w), rolloutCheckCmd(w), rolloutSignCmd(w),
		rolloutAttestCmd(w), rolloutWaiveCmd(w), rolloutAdvanceCmd(w), rolloutWatchCmd(w),
		rolloutReturnCmd(w), rolloutAnswerCmd(w), rolloutPapersCmd(w), rolloutCloseCmd(w), rolloutVerifyCmd(w))
	return cmd
}
