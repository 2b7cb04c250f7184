using System.Collections.Generic;

namespace UnityDepthPerception
{
    /// <summary>
    /// The labelled objects of the moment with their parents. Its lists are used again: copy what you keep.
    /// </summary>
    public sealed class LabelTable
    {
        /// <summary>How far the faces of two objects in contact may be apart [m].</summary>
        public const double ContactTolerance = 0.01;

        readonly List<LabelEntry> _entries = new List<LabelEntry>();
        readonly List<ObjectLabel> _labels = new List<ObjectLabel>();
        WorldBounds[] _bounds = new WorldBounds[16];

        /// <summary>One entry for each label whose object can be seen at all.</summary>
        public List<LabelEntry> Entries => _entries;

        /// <summary>Reads all labels anew.</summary>
        public void Refresh()
        {
            _entries.Clear();
            _labels.Clear();
            IReadOnlyList<ObjectLabel> all = ObjectLabel.All;
            if (_bounds.Length < all.Count)
            {
                _bounds = new WorldBounds[2 * all.Count];
            }

            for (int k = 0; k < all.Count; k++)
            {
                if (all[k].TryGetBounds(out _bounds[_labels.Count]))
                {
                    _labels.Add(all[k]);
                }
            }

            for (int k = 0; k < _labels.Count; k++)
            {
                _entries.Add(new LabelEntry(_labels[k].Id, _labels[k].Category, ParentOf(k)));
            }
        }

        int ParentOf(int index)
        {
            ObjectLabel label = _labels[index];
            if (label.ParentSource == ParentSource.Given)
            {
                return label.Parent != null ? label.Parent.Id : LabelEntry.NoParent;
            }

            int carrier = ContactParents.CarrierOf(_bounds, _labels.Count, index, ContactTolerance);
            return carrier >= 0 ? _labels[carrier].Id : LabelEntry.NoParent;
        }
    }
}
