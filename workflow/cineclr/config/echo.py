"""The first paper: label-efficient diagnosis from echocardiograms."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cineclr.config.base import Fraction, Optimization, Precision, Rate, Section

Init = Literal["random", "kinetics400", "simclr", "mi_simclr", "echoclr"]
Method = Literal["simclr", "mi_simclr", "echoclr"]
Task = Literal["lvh", "severe_as"]
Split = Literal["train", "val", "internal", "external"]
View = str
Year = Annotated[int, Field(ge=1980, le=2100)]

SSL_METHODS: tuple[Method, ...] = ("simclr", "mi_simclr", "echoclr")
TASKS: tuple[Task, ...] = ("lvh", "severe_as")
SPLITS: tuple[Split, ...] = ("train", "val", "internal", "external")
TESTS: tuple[Split, ...] = ("internal", "external")


class Deidentify(Section):
    """Pixels: what of a frame may leave the building (Methods, 'Image preprocessing')."""

    mask: Literal["nonzero", "threshold"] = Field(
        "nonzero",
        description="image content: pixels that change over the clip, or those of them above `threshold`",
    )
    threshold: int = Field(
        200, ge=1, le=254, description="grey level of the binarization when mask is threshold"
    )
    min_kept_fraction: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="least share of the ultrasound region inside the mask; below it the clip is set aside",
    )
    keep_colour_doppler: bool = Field(
        False, description="keep clips with colour Doppler instead of setting them aside"
    )
    codec: Literal["mjpg", "ffv1"] = Field(
        "mjpg",
        description="compression of the AVI files: motion JPEG, or FFV1, which loses nothing but is larger",
    )
    jpeg_quality: int = Field(95, ge=50, le=100, description="quality of the motion JPEG in the AVI files")
    max_frames: int = Field(2000, ge=1, description="more frames than this are implausible and set aside")
    memory_gb: float = Field(4, gt=0, description="most memory that decoding one file may take")
    seconds: float = Field(300, gt=0, description="longest time that decoding one file may take")
    text_gate: bool = Field(
        True,
        description="look for text in what the mask left; a clip with text waits for a person's decision",
    )
    text_frames: int = Field(
        1,
        ge=0,
        description="frames that are searched, evenly spaced, beside the projections over time, which show "
        "text that stands still",
    )
    text_score: float = Field(
        0.6, gt=0, lt=1, description="least confidence of the reader with which a reading counts as text"
    )
    sign_off: int = Field(
        0,
        ge=0,
        description="clips of those that passed, drawn at random, that a person must have looked at before "
        "tables and figures are made; 0: none",
    )


class ViewTraining(Section):
    """Training of a view classifier on frames labelled by the user (`view_labels` in sources.yaml)."""

    epochs: int = Field(10, ge=1, description="passes over the labelled frames")
    batch_size: int = Field(64, ge=2, description="frames per step")
    learning_rate: float = Field(1e-3, gt=0, description="learning rate of Adam")
    frames_per_video: int = Field(10, ge=1, description="frames drawn from each labelled video")
    cpu_threads: int = Field(
        2, ge=1, description="threads of the CPU's arithmetic; part of what makes runs repeatable"
    )


class Views(Section):
    """View classification (Methods, 'View classification')."""

    classifier: Literal["import", "train"] = Field(
        "import",
        description="take the user's classifier (weights in sources.yaml) or train one on labelled frames",
    )
    architecture: str = Field(
        "resnet18",
        description="torchvision classification model of a state dict, or `torchscript` for a scripted file",
    )
    classes: list[View] = Field(
        ["plax", "psax", "a4c", "a2c"],
        min_length=2,
        description="names of the classifier's outputs, in their order",
    )
    keep: View = Field("plax", description="the view that goes on; others are counted out")
    frames: int = Field(10, ge=1, description="frames whose probabilities are averaged per video")
    frame_choice: Literal["random", "first"] = Field(
        "random", description="random frames (the paper's text) or the first ones (the released sibling code)"
    )
    size: int = Field(224, ge=16, description="rows and columns of a frame as the classifier sees it")
    cpu_threads: int = Field(2, ge=1, description="threads of the CPU's arithmetic while classifying")
    training: ViewTraining = ViewTraining()

    @model_validator(mode="after")
    def _keep_is_a_class(self) -> Self:
        if self.keep not in self.classes:
            raise ValueError(f"keep is {self.keep!r}, which is not one of classes {self.classes}")
        return self

    @model_validator(mode="after")
    def _network_can_be_trained(self) -> Self:
        if self.classifier == "train" and self.architecture == "torchscript":
            raise ValueError("architecture is 'torchscript', which cannot be trained; name another")
        return self


class Clips(Section):
    """The packed store of preprocessed videos."""

    size: int = Field(112, ge=16, description="rows and columns of a stored frame")
    min_frames: int = Field(
        16, ge=2, description="least frames of a stored video (at least the fine-tuning clip)"
    )
    short: Literal["exclude", "pad"] = Field(
        "exclude",
        description="videos of fewer frames: set them aside, or repeat them from their first frame",
    )


class SplitFractions(Section):
    """Shares of the development studies."""

    train: Fraction = 0.75
    val: Fraction = 0.10
    internal: Fraction = 0.15

    @model_validator(mode="after")
    def _sum_to_one(self) -> Self:
        total = self.train + self.val + self.internal
        if abs(total - 1) > 1e-9:
            raise ValueError(f"train + val + internal must be 1, not {total:g}")
        return self


class LvhThresholds(Section):
    """LV mass index above which a heart is hypertrophic, g/m2 (American Society of Echocardiography)."""

    F: float = Field(95, gt=0, description="women")
    M: float = Field(115, gt=0, description="men")


class Cohort(Section):
    """Who is in, and in which part (Methods, 'Data curation' and 'Echocardiogram labeling')."""

    development_years: tuple[Year, Year] = Field(
        (2016, 2020), description="first and last year of train, val, internal"
    )
    external_years: tuple[Year, Year] = Field(
        (2021, 2021), description="first and last year of the external test set"
    )
    split: SplitFractions = SplitFractions()
    split_unit: Literal["study", "patient"] = Field(
        "study", description="study (the paper) or patient (no patient in two parts of the development set)"
    )
    exclude_low_flow_low_gradient: bool = Field(
        True, description="leave out low-flow low-gradient aortic stenosis"
    )
    lvh_above: LvhThresholds = LvhThresholds()

    @model_validator(mode="after")
    def _years_in_order(self) -> Self:
        for name in ("development_years", "external_years"):
            first, last = getattr(self, name)
            if first > last:
                raise ValueError(f"{name}: first year {first} is after last year {last}")
        if (
            self.development_years[1] >= self.external_years[0]
            and self.external_years[1] >= self.development_years[0]
        ):
            raise ValueError(
                f"development_years {self.development_years} and external_years {self.external_years} overlap"
            )
        return self


class Encoder(Section):
    """The video encoder, a 3D-ResNet18 (Methods, 'Self-supervised pretraining')."""

    width: Literal[8, 16, 32, 64] = Field(
        64,
        description="channels of the first stage; 64 is the published network, less is a small one",
    )
    kinetics400: Literal["download", "file", "none"] = Field(
        "download",
        description="Kinetics-400 weights: fetched on the login node, a file named in sources.yaml, or none "
        "(the tables then say that this init was not run)",
    )

    @model_validator(mode="after")
    def _kinetics_fit(self) -> Self:
        if self.kinetics400 != "none" and self.width != 64:
            raise ValueError(
                f"width is {self.width}, but Kinetics-400 weights need 64; set kinetics400: none or width: 64"
            )
        return self


class Augmentation(Section):
    """Random changes, the same for every frame of a clip."""

    pad: int = Field(8, ge=0, description="zero-pad by up to this many pixels on each side, then crop back")
    flip_probability: float = Field(0.5, ge=0, le=1, description="probability of a horizontal flip")
    rotation_degrees: float = Field(10, ge=0, le=180, description="largest rotation either way")
    rotation_probability: float = Field(0.5, ge=0, le=1, description="probability of a rotation")


class PretrainEpochs(Section):
    """Epochs of each method; SimCLR passes over videos, the others over pairs: hence its number."""

    simclr: int = Field(520, ge=1)
    mi_simclr: int = Field(300, ge=1)
    echoclr: int = Field(300, ge=1)


class PretrainBase(Optimization):
    """What all methods of self-supervised pretraining share."""

    frames: int = Field(
        4, ge=2, le=5, description="K, consecutive frames per clip; frame order has K! classes"
    )
    batch_size: int = Field(392, ge=2, description="pairs per optimizer step, over all devices")
    learning_rate: float = Field(0.1, gt=0, description="learning rate of Adam")
    temperature: float = Field(
        0.5, gt=0, description="tau of NT-Xent; the paper says 0.5, the released script 0.05"
    )
    mask_same_study: bool = Field(
        False, description="never take clips of one study as negatives of each other (paper: false)"
    )
    projector_hidden: int = Field(256, ge=1, description="width of the projector's hidden layer")
    projector_output: int = Field(128, ge=1, description="width of the embedding that NT-Xent compares")
    augmentation: Augmentation = Augmentation()
    precision: Precision = Field(
        "bf16-mixed", description="arithmetic of the encoder; losses are always 32-bit"
    )
    devices: int = Field(
        2, ge=1, description="GPUs of one node; without a GPU training runs on the CPU in one process"
    )
    nodes: int = Field(
        1, ge=1, description="nodes; with more than one, srun starts the command as a task per GPU"
    )
    sync_batch_norm: bool = Field(
        False,
        description="batch statistics over all GPUs; the released code takes those of each GPU by itself",
    )
    cpu_threads: int = Field(
        2, ge=1, description="threads of the CPU's arithmetic; part of what makes runs repeatable"
    )


class Pretrain(PretrainBase):
    """Self-supervised pretraining on all training videos (Methods, 'Self-supervised pretraining')."""

    epochs: PretrainEpochs = PretrainEpochs()


class PretrainMethod(PretrainBase):
    """The slice of one method: its own number of epochs."""

    epochs: int = Field(ge=1, description="passes over the videos or pairs")


class LearningRates(Section):
    """Learning rates by kind of initialisation."""

    scratch: list[Rate] = Field([1e-4, 5e-5, 1e-5], min_length=1, description="random and Kinetics-400")
    ssl: list[Rate] = Field([0.1, 0.05, 0.001], min_length=1, description="self-supervised")


class Finetune(Optimization):
    """The fine-tuning grid (Methods, 'Fine-tuning')."""

    tasks: list[Task] = Field(["lvh", "severe_as"], min_length=1, description="what is predicted")
    inits: list[Init] = Field(
        ["random", "kinetics400", "simclr", "mi_simclr", "echoclr"],
        min_length=1,
        description="initial weights",
    )
    ratios: list[Fraction] = Field(
        [0.01, 0.05, 0.10, 0.25, 0.50, 1.0],
        min_length=1,
        description="shares of the labelled training studies",
    )
    learning_rates: LearningRates = Field(
        LearningRates(),
        description="the first is used above `search_up_to`; at or below it all, the best by validation loss",
    )
    search_up_to: float = Field(
        0.10, ge=0, le=1, description="largest ratio at which learning rates are searched"
    )
    frames: int = Field(16, ge=2, description="consecutive frames per clip")
    batch_size: int = Field(88, ge=2, description="clips per step")
    max_epochs: int = Field(30, ge=1, description="most passes over the training videos")
    patience: int = Field(5, ge=1, description="epochs without a better validation loss before stopping")
    positive_weight: Literal["balanced", "none"] = Field(
        "balanced", description="weight of positives in the loss: negatives / positives, or none"
    )
    augmentation: Augmentation = Augmentation()
    precision: Precision = Field(
        "bf16-mixed", description="arithmetic of the network; the loss is always 32-bit"
    )
    cpu_threads: int = Field(
        2, ge=1, description="threads of the CPU's arithmetic; part of what makes runs repeatable"
    )

    @model_validator(mode="after")
    def _no_repeats(self) -> Self:
        for name in ("tasks", "inits", "ratios"):
            values = getattr(self, name)
            if len(set(values)) != len(values):
                raise ValueError(f"{name} repeats a value: {values}")
        return self

    def candidates(self, init: Init, ratio: float) -> list[float]:
        """Return the learning rates to train with, searched at small ratios (Methods)."""
        rates = self.learning_rates.ssl if init in SSL_METHODS else self.learning_rates.scratch
        return rates if ratio <= self.search_up_to else rates[:1]


class Predict(Section):
    """Inference: several clips per video, averaged (as in the released code)."""

    clips_per_video: int = Field(4, ge=1, description="evenly spaced clips per video")
    batch_size: int = Field(64, ge=1, description="clips per step")
    cpu_threads: int = Field(2, ge=1, description="threads of the CPU's arithmetic")


class Evaluation(Section):
    """Statistics of the test sets (Methods, 'Statistical analysis')."""

    bootstrap_samples: int = Field(
        10_000, ge=100, description="resamples of `resample` for the confidence intervals"
    )
    test_samples: int = Field(10_000, ge=100, description="resamples for the one-sided test of AUROCs")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="level of the confidence intervals")
    resample: Literal["study", "patient"] = Field(
        "study",
        description="what a resample draws: studies (the paper; the test's resamples are then stratified by "
        "label) or patients with all their studies (the test's are then unstratified too)",
    )
    target_sensitivity: float = Field(
        0.90, gt=0, lt=1, description="least sensitivity of an operating point chosen on the validation split"
    )
    target_specificity: float = Field(
        0.90, gt=0, lt=1, description="least specificity of an operating point chosen on the validation split"
    )
    subgroups: list[str] = Field(
        ["sex", "age_band", "scanner", "year"],
        description="what the test sets are divided by: `age_band` or columns of splits.csv",
    )
    age_bands: list[Annotated[int, Field(gt=0, le=90)]] = Field(
        [50, 65, 80], min_length=1, description="first year of age of each band but the youngest, ascending"
    )
    min_cell: int = Field(
        11, ge=1, description="smallest count of people shown in tables and figures; 1 shows all"
    )

    @model_validator(mode="after")
    def _bands_and_subgroups_are_lists_of_their_kind(self) -> Self:
        if self.age_bands != sorted(set(self.age_bands)):
            raise ValueError(f"age_bands must ascend, each limit once, not {self.age_bands}")
        if len(set(self.subgroups)) != len(self.subgroups):
            raise ValueError(f"subgroups repeats a value: {self.subgroups}")
        return self


class Echo(Section):
    """The first paper: label-efficient diagnosis from echocardiograms."""

    deidentify: Deidentify = Deidentify()
    views: Views = Views()
    clips: Clips = Clips()
    cohort: Cohort = Cohort()
    encoder: Encoder = Encoder()
    pretrain: Pretrain = Pretrain()
    finetune: Finetune = Finetune()
    predict: Predict = Predict()
    evaluation: Evaluation = Evaluation()

    @model_validator(mode="after")
    def _clips_are_long_enough(self) -> Self:
        need = max(self.finetune.frames, self.pretrain.frames)
        if self.clips.min_frames < need:
            raise ValueError(
                f"clips.min_frames is {self.clips.min_frames}, but training draws clips of {need} frames"
            )
        return self
