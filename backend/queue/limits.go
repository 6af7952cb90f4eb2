package queue

// Times are milliseconds, as in commands. Those that name SQS are its published limits.
const (
	// SessionIdleMs is how long a session is remembered after its last command, in replicated time. A client gives up
	// on a command long before (its request's deadline is seconds), so a session never ends while a retry can come.
	SessionIdleMs = 15 * 60 * 1000
	// TombstoneMs is how long a dropped partition is remembered; see [KindDrop].
	TombstoneMs = 24 * 60 * 60 * 1000
	// MaxKeepMs bounds how long the data of a deleted queue is kept: the longest time for which package catalog lets a
	// queue be restored, and a day for clocks that differ.
	MaxKeepMs = 31 * 24 * 60 * 60 * 1000
	// DedupMs is SQS's deduplication interval, from the first accepted send.
	DedupMs = 5 * 60 * 1000
	// AttemptMs is how long a FIFO queue remembers a receive request attempt ID (SQS: the deduplication interval).
	AttemptMs = DedupMs
	// MaxVisibilityMs is SQS's limit of 12 hours for a visibility timeout, also for the sum of its extensions.
	MaxVisibilityMs = 12 * 60 * 60 * 1000
	// MaxDelayMs is SQS's limit for the delay of a message.
	MaxDelayMs = 15 * 60 * 1000
	// MaxRetentionMs is SQS's limit for the message retention period, 14 days.
	MaxRetentionMs = 14 * 24 * 60 * 60 * 1000
)

// Limits of the state of one slot. They are constants and not configuration because every replica must refuse the
// same commands.
const (
	// MaxInFlight is SQS's limit of messages in flight in one queue, here of one partition.
	MaxInFlight = 120_000
	// MaxSessions bounds the sessions of a slot; a new one beyond is answered [Overloaded]. One client process has one
	// or two, and those idle for SessionIdleMs do not count.
	MaxSessions = 4096
	// MaxKeptResults bounds the results kept for one session: those from the oldest command its client still awaits
	// to the newest. A command beyond is answered [Overloaded].
	MaxKeptResults = 65_536
	// MaxOutgoing bounds the messages that one receive sets aside to move, and those of a partition that a task has set
	// aside at one time.
	MaxOutgoing = 100
	// MaxTasks is how many move tasks a partition remembers (SQS lists 10).
	MaxTasks = 10
	// MaxOrigins bounds the partitions from which messages move into one partition; those idle for twice
	// MaxRetentionMs do not count. A transfer from one more is answered [Overloaded].
	MaxOrigins = 16_384
	// MaxPartitions bounds the partitions of a slot, without tombstones; a new one beyond is answered [Overloaded].
	MaxPartitions = 65_536
)

// Limits of one command, checked before anything is allocated for it.
const (
	// MaxBatch is the number of entries of a batch, and of messages that one receive may ask for (SQS: 10).
	MaxBatch = 10
	// MaxBodyBytes bounds a message body: SQS's 1 MiB and room for what sealing (encryption) adds.
	MaxBodyBytes = 1<<20 + 64<<10
	// MaxAttributesBytes bounds a message's encoded attributes; SQS counts them into its 1 MiB, encoding adds some.
	MaxAttributesBytes = 1<<20 + 64<<10
	// MaxSystemAttributesBytes bounds a message's encoded system attributes (a trace header is at most a few hundred
	// bytes).
	MaxSystemAttributesBytes = 64 << 10
	// MaxNameBytes bounds a group, a deduplication ID, an attempt ID (SQS: 128 each), a sender ID, and the name, account
	// and ARN of a queue.
	MaxNameBytes = 256
	// MaxRedriveReceives is SQS's limit for how often a message is delivered before it moves to the dead-letter queue.
	MaxRedriveReceives = 1000
)
