using System;
using System.Collections.Generic;
using System.IO;
using System.Text;

namespace UnityDepthPerception
{
    /// <summary>
    /// Writes a dataset folder: images/ and masks/ as PNG, depth/ as .npy, camera_intrinsics.json, annotations.json.
    /// A hidden journal takes a line for each image, so that a run that was stopped goes on where it was.
    /// </summary>
    public sealed class DatasetWriter
    {
        const string Journal = ".annotations.journal";
        const string Annotations = "annotations.json";
        const int SaveEvery = 50;

        readonly string _folder;
        readonly PinholeIntrinsics _camera;
        readonly List<string> _lines = new List<string>();
        readonly HashSet<string> _names = new HashSet<string>(StringComparer.Ordinal);
        readonly string _settings;

        /// <summary>Opens a folder, new or with a dataset that was begun with the same settings.</summary>
        /// <param name="folder">The folder; made if it is missing.</param>
        /// <param name="camera">The camera of all images.</param>
        /// <param name="settings">What the images depend on (seed, number), in one line.</param>
        /// <exception cref="InvalidOperationException">The folder holds a dataset of another origin.</exception>
        public DatasetWriter(string folder, PinholeIntrinsics camera, string settings)
        {
            _folder = folder;
            _camera = camera;
            _settings = settings + " " + CameraIntrinsicsData.Of(camera).ToJson();
            if (!ReadJournal())
            {
                Begin();
            }
        }

        /// <summary>How many images the dataset has.</summary>
        public int Count => _lines.Count;

        /// <summary>Whether an image was written by an earlier run.</summary>
        public bool Contains(string name) => _names.Contains(name);

        /// <summary>
        /// Writes an image with its truth. Objects that are hardly visible are left out of mask and annotations; the
        /// others are numbered without gaps. An object whose parent is not visible has none.
        /// </summary>
        /// <exception cref="ArgumentException">
        /// The name is taken, or the instance image shows an id without label.
        /// </exception>
        public void Add(DatasetFrame frame)
        {
            if (!_names.Add(frame.Name))
            {
                throw new ArgumentException("expected a new name, but " + frame.Name + " was added already");
            }

            List<MeasuredObject> objects = ObjectMeasurement.Measure(frame.Ids, frame.Depth, _camera);
            Dictionary<int, LabelEntry> labels = LabelsByValue(frame, objects);
            int width = _camera.Width, height = _camera.Height;
            byte[] image = PngEncoder.EncodeRgb(frame.Rgb, width, height);
            byte[] mask = PngEncoder.EncodeGrey16(Renumbered(frame.Ids, objects), width, height);
            AtomicFile.WriteBytes(PathOf("images", frame.Name + ".png"), image);
            AtomicFile.WriteBytes(PathOf("masks", frame.Name + ".png"), mask);
            AtomicFile.WriteBytes(
                PathOf("depth", frame.Name + ".npy"), NpyEncoder.EncodeFloat32(frame.Depth, width, height));
            string line = AnnotationJson.Of(frame.Name + ".png", frame.Pose, objects, labels);
            File.AppendAllText(PathOf(Journal), frame.Name + "\t" + line + "\n");
            _lines.Add(line);
            if (_lines.Count % SaveEvery == 0)
            {
                Save();
            }
        }

        /// <summary>Writes annotations.json; more images may follow.</summary>
        public void Save()
        {
            var text = new StringBuilder("{\"version\": 1, \"images\": [\n");
            text.Append(string.Join(",\n", _lines.ToArray())).Append("\n]}\n");
            AtomicFile.WriteText(PathOf(Annotations), text.ToString());
        }

        bool ReadJournal()
        {
            string path = PathOf(Journal);
            if (!File.Exists(path))
            {
                return false;
            }

            string[] lines = File.ReadAllText(path).Split('\n');
            if (lines[0] != _settings)
            {
                throw new InvalidOperationException(
                    _folder + " was begun with other settings: expected " + _settings + ", found " + lines[0]
                    + "; choose another folder, or delete this one");
            }

            var whole = new StringBuilder(lines[0]).Append('\n');
            for (int k = 1; k < lines.Length - 1; k++)
            {
                whole.Append(lines[k]).Append('\n');
                int tab = lines[k].IndexOf('\t');
                _names.Add(lines[k].Substring(0, tab));
                _lines.Add(lines[k].Substring(tab + 1));
            }

            if (lines[lines.Length - 1].Length > 0)
            {
                AtomicFile.WriteText(path, whole.ToString());
            }

            return true;
        }

        void Begin()
        {
            if (File.Exists(PathOf(Annotations)))
            {
                throw new InvalidOperationException(
                    _folder + " holds a dataset that this capture has not begun; choose another folder");
            }

            foreach (string name in new[] { "images", "masks", "depth" })
            {
                Directory.CreateDirectory(PathOf(name));
            }

            AtomicFile.WriteText(PathOf("camera_intrinsics.json"), CameraIntrinsicsData.Of(_camera).ToJson() + "\n");
            AtomicFile.WriteText(PathOf(Journal), _settings + "\n");
        }

        static Dictionary<int, LabelEntry> LabelsByValue(DatasetFrame frame, List<MeasuredObject> objects)
        {
            var labels = new Dictionary<int, LabelEntry>();
            foreach (LabelEntry label in frame.Labels)
            {
                labels[label.Id + 1] = label;
            }

            foreach (MeasuredObject item in objects)
            {
                if (!labels.ContainsKey(item.Value))
                {
                    throw new ArgumentException(
                        frame.Name + ": the instance image shows the value " + item.Value + ", but no label has the id "
                        + (item.Value - 1));
                }
            }

            return labels;
        }

        static ushort[] Renumbered(ushort[] ids, List<MeasuredObject> objects)
        {
            var numbers = new ushort[ushort.MaxValue + 1];
            for (int k = 0; k < objects.Count; k++)
            {
                numbers[objects[k].Value] = (ushort)(k + 1);
            }

            var mask = new ushort[ids.Length];
            for (int k = 0; k < ids.Length; k++)
            {
                mask[k] = numbers[ids[k]];
            }

            return mask;
        }

        string PathOf(params string[] parts)
        {
            string path = _folder;
            foreach (string part in parts)
            {
                path = Path.Combine(path, part);
            }

            return path;
        }
    }
}
