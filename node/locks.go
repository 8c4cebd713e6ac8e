package node

import "sync"

// locks serialises the gestures that change one item, by its root.
type locks struct {
	mu   sync.Mutex
	held map[string]*lock
}

type lock struct {
	mu      sync.Mutex
	waiting int
}

// take waits for the item and returns what gives it back.
func (l *locks) take(root string) func() {
	l.mu.Lock()
	if l.held == nil {
		l.held = map[string]*lock{}
	}
	k := l.held[root]
	if k == nil {
		k = &lock{}
		l.held[root] = k
	}
	k.waiting++
	l.mu.Unlock()
	k.mu.Lock()
	return func() {
		k.mu.Unlock()
		l.mu.Lock()
		defer l.mu.Unlock()
		if k.waiting--; k.waiting == 0 {
			delete(l.held, root)
		}
	}
}
