package engine

import (
	"cmp"
	"context"
	"io/fs"
	"math"
	"slices"
	"strings"

	"savoirs/rag"
)

// InstallEmbedder installs from root the smallest GGUF that makes vectors and
// returns its embedder; reading, which may be nil, is told the name of each
// file tried. Without one in root it is ErrNoModel.
func (e *Engine) InstallEmbedder(ctx context.Context, root fs.FS, reading func(name string)) (rag.Embedder, error) {
	files, err := fs.Glob(root, "*.gguf")
	if err != nil {
		return nil, err
	}
	size := func(name string) int64 {
		info, err := fs.Stat(root, name)
		if err != nil {
			return math.MaxInt64
		}
		return info.Size()
	}
	slices.SortFunc(files, func(a, b string) int { return cmp.Compare(size(a), size(b)) })
	for _, name := range files {
		if reading != nil {
			reading(name)
		}
		m, err := e.Install(ctx, root, Recipe{Name: strings.TrimSuffix(name, ".gguf"), Files: []string{name}}, nil)
		if err != nil {
			return nil, err
		}
		if m.Embeds {
			embedder, _, err := e.Embedder(ctx, m.Name)
			return embedder, err
		}
	}
	return nil, ErrNoModel
}
