package catalog

import "fmt"

// PartitionsPerSlot is how many partitions of one queue share a slot before the next slot is taken. A slot commits
// the concurrent operations of all its partitions in one log entry with one fsync, so a queue spread over many
// slots splits its batches (RAFT-PATH.md: 8 callers over four groups got half of the throughput of one group).
const PartitionsPerSlot = 4

// place chooses the slots of a queue's partitions. The queue takes as few slots as PartitionsPerSlot allows, next to
// each other: the run of slots that holds the fewest partitions so far, the first of equals. Partitions fill the run
// in order, so that neighbours share a slot. load is not changed and must not be empty.
func place(load []int, partitions int) []uint16 {
	width := min((partitions+PartitionsPerSlot-1)/PartitionsPerSlot, len(load))
	best, bestLoad := 0, -1
	for start := range load {
		sum := 0
		for i := range width {
			sum += load[(start+i)%len(load)]
		}
		if bestLoad < 0 || sum < bestLoad {
			best, bestLoad = start, sum
		}
	}
	slots := make([]uint16, partitions)
	for p := range slots {
		slots[p] = uint16((best + p*width/partitions) % len(load))
	}
	return slots
}

// addLoad counts the partitions in slots, once more (+1) or once less (-1).
func (c *Catalog) addLoad(slots []uint16, by int) {
	for _, slot := range slots {
		if int(slot) >= len(c.slotLoad) || c.slotLoad[slot]+by < 0 {
			panic(fmt.Sprintf("catalog: load of slot %d changes by %d, loads are %v", slot, by, c.slotLoad))
		}
		c.slotLoad[slot] += by
	}
}
