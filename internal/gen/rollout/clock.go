package main

import (
	"context"
	"time"
)

// A clock moves when it is told to wait. What happens meanwhile happens before wait returns.
type clock struct {
	now       time.Time
	meanwhile func(now time.Time)
}

func (c *clock) Now() time.Time { return c.now }

func (c *clock) Wait(ctx context.Context, d time.Duration) error {
	c.now = c.now.Add(d)
	c.meanwhile(c.now)
	return ctx.Err()
}
