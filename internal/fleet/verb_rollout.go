package fleet

import "context"

var rolloutVerb = Verb{
	Name: "rollout",
	Doc:  "how far the rollout of each is: found where a stage was taken back, unknown where there is none or it cannot be read",
	Ask:  func(ctx context.Context, t *Target) (Line, error) { return t.Rollout(ctx) },
}
