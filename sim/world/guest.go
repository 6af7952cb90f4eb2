package world

// Guest is a program on a host, for example an instance of sim/wasi. It runs only within Resume.
type Guest interface {
	// Resume runs the program until it waits. running is false once it has ended, by itself or by Killed; Exit then
	// tells its exit code.
	Resume() (wait Wait, running bool)
	// Exit returns the exit code of a program that has ended by itself.
	Exit() (code uint32, detail string)
	// Kill ends a program that waits: its memory is gone.
	Kill()
}

// Killed is what a call of a guest into its machine panics with to end the guest at that very call: a crash of its host
// between two system calls.
type Killed struct{}

// Wait says what a guest that does nothing waits for: its card always, and a moment if HasDeadline.
type Wait struct {
	// Deadline is on the host's monotonic clock, in nanoseconds.
	Deadline    int64
	HasDeadline bool
}
