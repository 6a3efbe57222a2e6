#!/usr/bin/env bash
# What docs/gpus.md says of a GPU, measured on one; meant to end within 8 minutes, which nobody has timed:
#   bench/gpu.sh pack                     where this package is installed: packs Node, its packages and what is compiled
#   bench/gpu.sh                          on the GPU machine, in a copy of the repository with that pack
#   bench/gpu.sh --device cpu --shape tiny   every part of it without a GPU
#
# Parts: the contract suite of engines in bfloat16; a hybrid step and sampling beside plain transformers and peft, and
# TRL where it is installed, as pairs taken in turns, on random weights of Qwen3-4B's shape; a run with the conscience
# beside the same without. Python needs torch, transformers and peft; nothing is fetched. What was not run is named at
# the end, and the exit code is 1 where a part failed.
set -uo pipefail
cd "$(dirname "$0")/.."
pack=node_modules/.gpu/pack.tar.xz
limit_mib=64

if [ "${1:-}" = pack ]; then
  rm -rf node_modules/.gpu && mkdir -p node_modules/.gpu/bin || exit 1
  cp "$(command -v node)" node_modules/.gpu/bin/node || exit 1
  # what the suite and the benchmarks import; of onnxruntime the library for this platform alone
  tar --create --xz --file "$pack.part" \
    --exclude='node_modules/.gpu/pack*' --exclude='node_modules/.cache' --exclude='node_modules/.vite*' \
    --exclude='node_modules/onnxruntime-node/bin/napi-v*/darwin' --exclude='node_modules/onnxruntime-node/bin/napi-v*/win32' \
    --exclude='node_modules/onnxruntime-node/bin/napi-v*/linux/arm64' --exclude='*providers_cuda*' --exclude='*providers_tensorrt*' \
    --exclude='node_modules/@biomejs' --exclude='node_modules/tokenizers' --exclude='node_modules/typescript' \
    --exclude='node_modules/openai' --exclude='node_modules/@shikijs' --exclude='node_modules/ai' --exclude='node_modules/@ai-sdk' \
    --exclude='node_modules/knip' --exclude='node_modules/typedoc*' --exclude='node_modules/@oxc-parser' --exclude='node_modules/@oxc-resolver' \
    --exclude='*.map' --exclude='*.d.ts' --exclude='*.md' node_modules dist || exit 1
  mv "$pack.part" "$pack"
  size=$(($(stat -c %s "$pack") >> 20))
  echo "$pack: $size MiB; carry it with the repository"
  [ "$size" -lt "$limit_mib" ] || { echo "it is larger than $limit_mib MiB" >&2; exit 1; }
  exit 0
fi

device=cuda shape=qwen3-4b python=python3 minutes=5 threads=0
while [ $# -gt 0 ]; do
  case "$1" in
    --device) device=$2 ;;
    --shape) shape=$2 ;;
    --python) python=$2 ;;
    --minutes) minutes=$2 ;;
    --threads) threads=$2 ;;
    *) echo "bench/gpu.sh: $1 is no option; it takes pack, or --device, --shape, --python, --minutes, --threads" >&2; exit 2 ;;
  esac
  shift 2
done

if [ ! -e node_modules/vitest ]; then
  [ -e "$pack" ] || { echo "bench/gpu.sh: there is no $pack and no node_modules; run bench/gpu.sh pack and carry it" >&2; exit 1; }
  tar --extract --file "$pack" || exit 1
fi
export PATH="$PATH:$PWD/node_modules/.gpu/bin" EALIGN_PYTHON=$python PYTHONPATH="$PWD/python/worker:${PYTHONPATH:-}"
export HF_HUB_OFFLINE=1 EALIGN_TEST_DEVICE=$device EALIGN_TEST_DTYPE=bfloat16

failed=()
part() { # a name, seconds, a command
  local name=$1 seconds=$2 status begin=$SECONDS
  shift 2
  printf '\n== %s\n' "$name"
  timeout --kill-after=10 "$seconds" "$@"
  status=$?
  [ $status = 0 ] || failed+=("$name: status $status after $((SECONDS - begin)) s of $seconds")
}

echo "== machine"
date -u +%FT%TZ
if [ "$device" = cuda ]; then nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader || exit 1; fi
"$python" - <<'PY' || exit 1
import importlib.util
from importlib.metadata import version
for name in ("torch", "transformers", "peft", "trl"):
    print(name, version(name) if importlib.util.find_spec(name) else "is not installed")
PY

part "contract of engines, bfloat16, $device" $((24 * minutes)) \
  node node_modules/vitest/vitest.mjs run test/engine/torch/contract.test.ts
part "step, sampling and conscience, $shape, $device" $((60 * minutes + 30)) \
  node bin/ealign.js bench --only torch-step torch-sampling torch-conscience \
  --device "$device" --shape "$shape" --python "$python" --threads "$threads" --minutes "$minutes"

printf '\n== not run\n'
echo "- several GPUs, --shard and NCCL; two nodes; --quantize 4bit; a hosted server; weights of a real model"
[ "$device" = cuda ] || echo "- anything on a GPU: this was --device $device"
[ "$shape" = qwen3-4b ] || echo "- Qwen3-4B's shape: this was $shape"
for one in "${failed[@]+"${failed[@]}"}"; do echo "- $one"; done
[ ${#failed[@]} = 0 ]
