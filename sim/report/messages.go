package report

import (
	"chasqui/linearizability"
)

// messages groups the operations of a history by the message that they are about. Two operations are about the same one
// if they share a MessageID or a body: so a send whose answer was lost belongs to the receives of what it stored, and two
// copies of one send are one story.
type messages struct {
	// all are in the order of their first operation.
	all []message
	// of lists the messages of each operation, by its position in the history, each once and in order of the answer.
	of [][]int
	// named finds messages by MessageIDs and bodies.
	named map[string]int
}

// message is what the operations about one message have in common.
type message struct {
	ids        []string // its MessageIDs; more than one if copies were stored
	bodies     []string
	operations []int // positions in the history, rising
}

// grouping joins names into sets: parent[i] leads from the i-th name towards the one that stands for its set.
type grouping struct {
	parent []int
	names  []string
	number map[string]int
}

func (g *grouping) root(i int) int {
	for g.parent[i] != i {
		g.parent[i] = g.parent[g.parent[i]]
		i = g.parent[i]
	}
	return i
}

// add returns the number of a name. Empty names have none, -1.
func (g *grouping) add(prefix, name string) int {
	if name == "" {
		return -1
	}
	name = prefix + name
	i, ok := g.number[name]
	if !ok {
		i = len(g.names)
		g.names, g.parent, g.number[name] = append(g.names, name), append(g.parent, i), i
	}
	return i
}

// join makes the sets of two names one, whose root is the name that came first.
func (g *grouping) join(id, body string) int {
	a, b := g.add("i", id), g.add("b", body)
	switch {
	case a < 0 && b < 0:
		return -1
	case a < 0:
		return g.root(b)
	case b < 0:
		return g.root(a)
	}
	a, b = g.root(a), g.root(b)
	g.parent[max(a, b)] = min(a, b)
	return min(a, b)
}

// groupMessages groups the operations of a history.
func groupMessages(history []linearizability.Operation) *messages {
	g := &grouping{number: map[string]int{}}
	each := func(op *linearizability.Operation, f func(id, body string)) {
		if op.MessageID != "" || op.Body != "" {
			f(op.MessageID, op.Body)
		}
		for i := range op.Messages {
			f(op.Messages[i].MessageID, op.Messages[i].Body)
		}
	}
	for i := range history {
		each(&history[i], func(id, body string) { g.join(id, body) })
	}
	m := &messages{of: make([][]int, len(history)), named: map[string]int{}}
	numbers := map[int]int{} // of messages, by the roots of their sets
	for i := range history {
		each(&history[i], func(id, body string) {
			root := g.join(id, body)
			if root < 0 {
				return
			}
			number, ok := numbers[root]
			if !ok {
				number = len(m.all)
				numbers[root], m.all = number, append(m.all, message{})
			}
			found := &m.all[number]
			if len(found.operations) > 0 && found.operations[len(found.operations)-1] == i {
				return
			}
			found.operations = append(found.operations, i)
			m.of[i] = append(m.of[i], number)
		})
	}
	for i, name := range g.names {
		number := numbers[g.root(i)]
		m.named[name[1:]] = number
		if found := &m.all[number]; name[0] == 'i' {
			found.ids = append(found.ids, name[1:])
		} else {
			found.bodies = append(found.bodies, name[1:])
		}
	}
	return m
}
