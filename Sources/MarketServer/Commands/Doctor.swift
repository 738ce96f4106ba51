import ArgumentParser

/// `market doctor`: placeholder until its checks are in.
struct Doctor: AsyncParsableCommand {
    @OptionGroup var options: ConfigurationOptions
}
