package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"savoirs/store/stick"
)

// ErrNoKit says that a folder does not hold, whole, what makes a node of another
// machine; deploy/bootstrap/build.sh gathers it.
var ErrNoKit = errors.New("no bootstrap kit here")

// Bootstrap is what makes of a stick one from which a node can be made where
// there is no network: programs, their source, documents, install.sh, and the
// models this node uses. Sizes are in bytes.
type Bootstrap struct {
	Dir      string          `json:"dir"`
	Kit      string          `json:"kit"`
	Programs []string        `json:"programs"` // "savoirs-linux-arm64"
	Size     int64           `json:"size"`     // of all files
	Free     int64           `json:"free"`     // on the stick, before
	Models   []BootstrapFile `json:"models"`
	Left     []BootstrapFile `json:"left"`    // models that do not go, each with why
	Written  int64           `json:"written"` // what was there already is not written again
}

// BootstrapFile is a model for other machines.
type BootstrapFile struct {
	Title   string `json:"title"`
	Licence string `json:"licence,omitempty"` // "" when nobody said
	Size    int64  `json:"size"`
	Why     string `json:"why,omitempty"`
}

// Why a model stays at home.
const (
	WhyNotAnItem = "not_an_item" // the engine has it and shows nobody its files; import it here first
	WhyFAT       = "fat"         // a file of 4 GiB or more does not fit this file system
)

// maxOnFAT is the largest file that FAT holds.
const maxOnFAT = 1<<32 - 1

// PlanBootstrap tells what PackBootstrap would write to the drive dir, and
// writes nothing. Errors: ErrNoKit.
func (n *Node) PlanBootstrap(ctx context.Context, dir, kit string) (Bootstrap, error) {
	b, _, err := n.planBootstrap(ctx, dir, kit)
	if err != nil {
		return b, fmt.Errorf("plan a bootstrap stick: %w", err)
	}
	return b, nil
}

// PackBootstrap writes to savoirs/ on the drive dir what is in the folder kit,
// and the models in use; SHA256SUMS, without which install.sh does nothing, is
// written last. What is there and right already is not written again. Progress
// is in bytes, stage pack. Errors: ErrNoKit, stick.ErrNoSpace before the first
// byte, stick.ErrReadOnly.
func (n *Node) PackBootstrap(ctx context.Context, dir, kit string, progress func(Progress)) (Bootstrap, error) {
	b, files, err := n.planBootstrap(ctx, dir, kit)
	if err == nil {
		b.Written, err = writeKit(ctx, dir, files, b.Free, stage(progress, "pack"))
	}
	if err != nil {
		return b, fmt.Errorf("pack a bootstrap stick: %w", err)
	}
	return b, nil
}

func (n *Node) planBootstrap(ctx context.Context, dir, kit string) (Bootstrap, []kitFile, error) {
	b := Bootstrap{Dir: dir, Kit: kit, Models: []BootstrapFile{}, Left: []BootstrapFile{}}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return b, nil, fmt.Errorf("measure %s: %w", dir, err)
	}
	b.Free = int64(st.Bavail) * st.Bsize
	files, err := readKit(kit)
	if err != nil {
		return b, nil, err
	}
	for _, f := range files {
		if name, ok := strings.CutPrefix(f.name, "bin/"); ok && !strings.HasSuffix(name, ".cpu") {
			b.Programs = append(b.Programs, name)
		}
	}
	models, err := n.modelFiles(ctx, &b, st.Type == unix.MSDOS_SUPER_MAGIC)
	if err != nil {
		return b, nil, err
	}
	files = append(files, models...)
	for _, f := range files {
		b.Size += f.size
	}
	return b, files, nil
}

// modelFiles are those of the models in use that are items here, each in a
// folder with its card, where its licence stands.
func (n *Node) modelFiles(ctx context.Context, b *Bootstrap, fat bool) ([]kitFile, error) {
	models, err := n.Models(ctx)
	if err != nil {
		return nil, err
	}
	var all []kitFile
	for _, m := range models {
		if !m.Current {
			continue
		}
		if m.Ref == "" {
			b.Left = append(b.Left, BootstrapFile{Title: m.Name, Size: m.Size, Why: WhyNotAnItem})
			continue
		}
		item, root, err := n.findHere(ctx, m.Ref)
		if err != nil {
			return nil, err
		}
		fsys, err := n.store.FS(root)
		if err != nil {
			return nil, err
		}
		card, err := readCard(fsys)
		if err != nil {
			return nil, err
		}
		of := BootstrapFile{Title: item.Title, Licence: card.Licence, Size: item.Size}
		files, err := filesOf(fsys, "model/"+Slug(item.Title))
		if err != nil {
			return nil, err
		}
		if fat && slices.ContainsFunc(files, func(f kitFile) bool { return f.size > maxOnFAT }) {
			of.Why = WhyFAT
			b.Left = append(b.Left, of)
			continue
		}
		b.Models = append(b.Models, of)
		all = append(all, files...)
	}
	return all, nil
}

// A kitFile is a file for a bootstrap stick.
type kitFile struct {
	from   fs.FS
	source string // in from
	name   string // below savoirs/
	size   int64
	sum    string // SHA-256 in hex that it must have, "" for any
}

// filesOf lists the files of fsys, to be put into a folder.
func filesOf(fsys fs.FS, into string) ([]kitFile, error) {
	var all []kitFile
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		all = append(all, kitFile{from: fsys, source: name, name: path.Join(into, name), size: info.Size()})
		return nil
	})
	return all, err
}

// readKit lists what is in a kit, which its SHA256SUMS names.
func readKit(kit string) ([]kitFile, error) {
	fsys := os.DirFS(filepath.Clean(kit))
	f, err := fsys.Open(sumsFile)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoKit, err)
	}
	defer f.Close()
	sums, err := readSums(f)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoKit, err)
	}
	var files []kitFile
	for name, sum := range sums {
		info, err := fs.Stat(fsys, name)
		if err != nil || !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%w: %s is missing", ErrNoKit, name)
		}
		files = append(files, kitFile{from: fsys, source: name, name: name, size: info.Size(), sum: sum})
	}
	if sums["install.sh"] == "" {
		return nil, fmt.Errorf("%w: install.sh is missing", ErrNoKit)
	}
	slices.SortFunc(files, func(a, b kitFile) int { return strings.Compare(a.name, b.name) })
	return files, nil
}

// writing says of an error of the drive what people know it by.
func writing(err error, need, free int64) error {
	switch {
	case errors.Is(err, unix.ENOSPC):
		return &stick.SpaceError{Err: stick.ErrNoSpace, Need: need, Have: free}
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("%w: %w", stick.ErrReadOnly, err)
	}
	return err
}
