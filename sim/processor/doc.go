// Package processor measures what this process has used of the machine's processors. On a machine that does other things
// too it is the measure that can be repeated; time on the wall is not.
package processor
