package audit

var partitionBypass = detourFault(Rule{
	ID:       "VIA007",
	Name:     "partition-bypass",
	Title:    "a partition can be reached directly, without its parent's policies",
	Severity: High,
	Fix:      "enable_rls",
	Source:   "9, 10",
	Doc: `Policies of a partitioned table bind only statements that name the partitioned table. Who holds a privilege on a partition reads it
directly, under the partition's own policies, which it has not.

Switch row level security on for each partition, or take the privilege on partitions away.`,
}, "partition")
